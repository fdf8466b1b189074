using System.Runtime.InteropServices;

namespace DistTrain.Core.Tensors;

/// <summary>
/// A zeroed block of unmanaged memory, aligned to a cache line so that no vector load of a kernel straddles two. It does not move, so
/// kernels and views keep plain pointers into it; the owner must stay reachable while they do.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public sealed unsafe class AlignedBuffer<T> : IDisposable
    where T : unmanaged
{
    private const int AlignmentBytes = 64;

    private readonly IDisposable? _owner;

    /// <summary>Allocates <paramref name="length"/> elements of zero.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    public AlignedBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        // One vector of slack: a kernel may read a whole vector at the last element.
        var bytes = ((nuint)length * (nuint)sizeof(T)) + AlignmentBytes;
        Pointer = (T*)NativeMemory.AlignedAlloc(bytes, AlignmentBytes);
        NativeMemory.Clear(Pointer, bytes);
        GC.AddMemoryPressure((long)bytes);
    }

    /// <summary>Somebody else's memory, such as that which several processes share; as it is, not zeroed.</summary>
    /// <param name="pointer">The first element, at a multiple of 64 bytes; 64 bytes behind the last one are there too.</param>
    /// <param name="length">How many elements it has.</param>
    /// <param name="owner">Disposed of with this buffer; keeps the memory until then.</param>
    /// <exception cref="ArgumentException">It is not aligned.</exception>
    public AlignedBuffer(T* pointer, int length, IDisposable owner)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if ((nuint)pointer % AlignmentBytes != 0)
        {
            throw new ArgumentException($"The memory does not begin at a multiple of {AlignmentBytes} bytes.", nameof(pointer));
        }

        Length = length;
        Pointer = pointer;
        _owner = owner;
    }

    /// <summary>Frees the memory if nobody disposed of it.</summary>
    ~AlignedBuffer()
    {
        // Somebody else's memory has a finalizer of its own.
        if (_owner is null)
        {
            Free();
        }
    }

    /// <summary>The number of elements.</summary>
    public int Length { get; }

    /// <summary>The first element.</summary>
    public T* Pointer { get; private set; }

    /// <summary>All elements.</summary>
    public Span<T> Span => new(Pointer, Pointer is null ? 0 : Length);

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (Pointer is null)
        {
            return;
        }

        if (_owner is not null)
        {
            Pointer = null;
            _owner.Dispose();
            return;
        }

        NativeMemory.AlignedFree(Pointer);
        Pointer = null;
        GC.RemoveMemoryPressure(((long)Length * sizeof(T)) + AlignmentBytes);
    }
}
