using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary>What layers over images demand of their input and options.</summary>
internal static class ImageRules
{
    /// <summary>A wider border than this is a mistake; up to it, sums of sizes stay small numbers.</summary>
    private const int LargestPadding = 1 << 16;

    /// <exception cref="InvalidInputException">The input is not (channels, height, width).</exception>
    public static void RequireImage(Shape input)
    {
        if (input.Rank != 3)
        {
            throw new InvalidInputException(
                $"it takes images, (channels, height, width), not {input}. Give the model an input such as [1, 28, 28], and flatten after the last such layer.");
        }
    }

    /// <summary>The windows of a layer.</summary>
    /// <param name="input">One sample's input.</param>
    /// <param name="name">What the layer calls its window.</param>
    /// <param name="size">Rows and columns of a window.</param>
    /// <param name="stride">From one window to the next.</param>
    /// <param name="padding">On each side.</param>
    /// <exception cref="InvalidInputException">There are none.</exception>
    public static ImageWindows Windows(Shape input, string name, int size, int stride, int padding)
    {
        RequireImage(input);
        if (size < 1)
        {
            throw new InvalidInputException($"{name} is {size}; it must be at least 1.");
        }

        if (stride < 1)
        {
            throw new InvalidInputException($"stride is {stride}; it must be at least 1.");
        }

        if (padding is < 0 or > LargestPadding)
        {
            throw new InvalidInputException($"padding is {padding}; it must be at least 0 and at most {LargestPadding}.");
        }

        if (size - (2L * padding) > Math.Min(input[1], input[2]))
        {
            throw new InvalidInputException($"a {name} of {size} does not fit an input of {input} with padding {padding}.");
        }

        return (double)input[0] * (input[1] + (2 * padding)) * (input[2] + (2 * padding)) <= int.MaxValue
            ? new ImageWindows(input[0], input[1], input[2], size, size, stride, padding)
            : throw new InvalidInputException($"an input of {input} with padding {padding} has more than {int.MaxValue} elements.");
    }

    /// <summary>As <see cref="Windows"/>, each window seeing a part of the image.</summary>
    /// <exception cref="InvalidInputException">There are none, or one could see padding only.</exception>
    public static ImageWindows PoolingWindows(Shape input, int size, int? stride, int padding)
    {
        // The size first: with a size of 0 the default stride would be blamed.
        var windows = Windows(input, "size", size, stride ?? Math.Max(1, size), padding);
        return padding <= size / 2
            ? windows
            : throw new InvalidInputException($"padding is {padding}; for windows of {size} it can be at most {size / 2}, or a window would see padding only.");
    }

    /// <summary>(channels, output height, output width)</summary>
    /// <exception cref="InvalidInputException">That is too large.</exception>
    public static Shape Output(ImageWindows windows, int channels) =>
        (double)channels * windows.OutputHeight * windows.OutputWidth <= int.MaxValue
            ? new Shape(channels, windows.OutputHeight, windows.OutputWidth)
            : throw new InvalidInputException(
                $"an output of ({channels}, {windows.OutputHeight}, {windows.OutputWidth}) has more than {int.MaxValue} elements.");
}
