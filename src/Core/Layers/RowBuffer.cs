using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>Memory for rows of activations; grows to the largest number of rows asked for and stays there.</summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class RowBuffer<T>(int columns) : IDisposable
    where T : unmanaged
{
    private readonly int _stride = RowLayout.StrideFor(columns);
    private AlignedBuffer<T> _buffer = new(0);

    /// <summary>A view of the first <paramref name="count"/> rows; their content is what the last user left.</summary>
    public Matrix<T> Rows(int count)
    {
        var length = checked(count * _stride);
        if (_buffer.Length < length)
        {
            _buffer.Dispose();
            _buffer = new AlignedBuffer<T>(length);
        }

        return new Matrix<T>(_buffer.Pointer, count, columns, _stride);
    }

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();
}
