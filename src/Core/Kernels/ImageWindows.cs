namespace DistTrain.Core.Kernels;

/// <summary>
/// The windows that a convolution or pooling slides over an image (channels, height, width). Images lie channel by channel, row by row
/// (PyTorch's NCHW); output element (oy, ox) sees rows <c>oy · Stride − Padding + ky</c> and columns <c>ox · Stride − Padding + kx</c>.
/// </summary>
/// <param name="Channels">Of the image, at least 1.</param>
/// <param name="Height">Of the image, at least 1.</param>
/// <param name="Width">Of the image, at least 1.</param>
/// <param name="KernelHeight">Rows of a window, at least 1 and at most the padded height.</param>
/// <param name="KernelWidth">Columns of a window, at least 1 and at most the padded width.</param>
/// <param name="Stride">From one window to the next, both ways; at least 1.</param>
/// <param name="Padding">Rows and columns of zeros on each side; at least 0.</param>
public sealed record ImageWindows(int Channels, int Height, int Width, int KernelHeight, int KernelWidth, int Stride, int Padding)
{
    /// <summary>Windows from top to bottom.</summary>
    public int OutputHeight => ((Height + (2 * Padding) - KernelHeight) / Stride) + 1;

    /// <summary>Windows from left to right.</summary>
    public int OutputWidth => ((Width + (2 * Padding) - KernelWidth) / Stride) + 1;

    /// <summary>Output elements per channel.</summary>
    public int OutputPixels => OutputHeight * OutputWidth;

    /// <summary>Input elements per channel.</summary>
    public int InputPixels => Height * Width;

    /// <summary>Elements of a window in one channel.</summary>
    public int WindowSize => KernelHeight * KernelWidth;
}
