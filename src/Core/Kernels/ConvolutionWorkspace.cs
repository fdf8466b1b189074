namespace DistTrain.Core.Kernels;

/// <summary>
/// What a convolution of one shape needs beside its operands: tables and scratch memory, made by
/// <see cref="Kernels{T}.CreateConvolution"/>. It serves one thread.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public abstract class ConvolutionWorkspace<T>(ImageWindows windows, int filters) : IDisposable
    where T : unmanaged
{
    /// <summary>The windows over the input.</summary>
    public ImageWindows Windows { get; } = windows;

    /// <summary>Output channels.</summary>
    public int Filters { get; } = filters;

    /// <summary>Elements of one filter, the K of the product: (channel, ky, kx), as PyTorch lays a weight's row out.</summary>
    public int Taps => Windows.Channels * Windows.WindowSize;

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the workspace owns.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
