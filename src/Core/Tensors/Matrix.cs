namespace DistTrain.Core.Tensors;

/// <summary>
/// A view of <see cref="Rows"/> × <see cref="Columns"/> elements, one row after the other, <see cref="Stride"/> elements apart. It owns
/// nothing. In activations a row is a sample; elements between <see cref="Columns"/> and <see cref="Stride"/> may hold anything.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public readonly unsafe struct Matrix<T>(T* data, int rows, int columns, int stride)
    where T : unmanaged
{
    /// <summary>The first element.</summary>
    public T* Data { get; } = data;

    /// <summary>The number of rows.</summary>
    public int Rows { get; } = rows;

    /// <summary>The number of elements of a row that mean something.</summary>
    public int Columns { get; } = columns;

    /// <summary>The distance between the starts of two rows, in elements.</summary>
    public int Stride { get; } = stride;

    /// <summary>Whether it views no memory.</summary>
    public bool IsEmpty => Data is null;

    /// <summary>Row <paramref name="index"/>, without its padding.</summary>
    public Span<T> Row(int index) => new(RowPointer(index), Columns);

    /// <summary>The first element of row <paramref name="index"/>.</summary>
    public T* RowPointer(int index) => Data + ((nint)index * Stride);

    /// <summary><paramref name="count"/> rows from row <paramref name="first"/> on.</summary>
    public Matrix<T> Slice(int first, int count) => new(RowPointer(first), count, Columns, Stride);

    /// <summary>The first <paramref name="rows"/> rows.</summary>
    public Matrix<T> Top(int rows) => new(Data, rows, Columns, Stride);
}

/// <summary>How rows of activations are laid out in memory.</summary>
public static class RowLayout
{
    /// <summary>Rows start at multiples of this many elements: one 512-bit vector of floats.</summary>
    public const int Granularity = 16;

    /// <summary>
    /// The stride for rows of <paramref name="columns"/> elements: rounded up to whole vectors, and one vector more where rows would
    /// otherwise lie a multiple of 4 KiB apart, which maps all of a column's rows onto the same few cache sets.
    /// </summary>
    public static int StrideFor(int columns)
    {
        var stride = (columns + Granularity - 1) / Granularity * Granularity;
        return stride % 1024 == 0 ? stride + Granularity : stride;
    }
}
