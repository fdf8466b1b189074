using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <content>Pooling.</content>
public sealed unsafe partial class ReferenceKernels<T>
{
    /// <inheritdoc/>
    public override void MaxPool(Matrix<T> input, ImageWindows windows, Matrix<T> output, Matrix<T> winners)
    {
        for (var n = 0; n < input.Rows; n++)
        {
            var image = input.Row(n);
            var pooled = output.Row(n);
            var winner = winners.Row(n);
            for (var at = 0; at < pooled.Length; at++)
            {
                var isFirst = true;
                foreach (var (tap, element) in Window(windows, at))
                {
                    if (isFirst || (!T.IsNaN(pooled[at]) && !(image[element] <= pooled[at])))
                    {
                        pooled[at] = image[element];
                        winner[at] = T.CreateChecked(tap);
                        isFirst = false;
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void MaxPoolGradient(Matrix<T> outputGradient, Matrix<T> winners, ImageWindows windows, Matrix<T> inputGradient)
    {
        for (var n = 0; n < outputGradient.Rows; n++)
        {
            var pooled = outputGradient.Row(n);
            var winner = winners.Row(n);
            var image = inputGradient.Row(n);
            image.Clear();
            for (var at = 0; at < pooled.Length; at++)
            {
                foreach (var (tap, element) in Window(windows, at))
                {
                    if (winner[at] == T.CreateChecked(tap))
                    {
                        image[element] += pooled[at];
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void AveragePool(Matrix<T> input, ImageWindows windows, Matrix<T> output)
    {
        var size = T.CreateChecked(windows.WindowSize);
        for (var n = 0; n < input.Rows; n++)
        {
            var image = input.Row(n);
            var pooled = output.Row(n);
            for (var at = 0; at < pooled.Length; at++)
            {
                // Zeros outside change no sum that starts from +0.
                var sum = T.Zero;
                foreach (var (_, element) in Window(windows, at))
                {
                    sum += image[element];
                }

                pooled[at] = sum / size;
            }
        }
    }

    /// <inheritdoc/>
    public override void AveragePoolGradient(Matrix<T> outputGradient, ImageWindows windows, Matrix<T> inputGradient)
    {
        var size = T.CreateChecked(windows.WindowSize);
        for (var n = 0; n < outputGradient.Rows; n++)
        {
            var pooled = outputGradient.Row(n);
            var image = inputGradient.Row(n);
            image.Clear();
            for (var at = 0; at < pooled.Length; at++)
            {
                foreach (var (_, element) in Window(windows, at))
                {
                    image[element] += pooled[at] / size;
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void GlobalAveragePool(Matrix<T> input, int channels, Matrix<T> output)
    {
        ChannelSums(input, channels, output);
        var pixels = T.CreateChecked(input.Columns / channels);
        for (var n = 0; n < output.Rows; n++)
        {
            foreach (ref var value in output.Row(n))
            {
                value /= pixels;
            }
        }
    }

    /// <inheritdoc/>
    public override void GlobalAveragePoolGradient(Matrix<T> outputGradient, int channels, Matrix<T> inputGradient)
    {
        var pixels = inputGradient.Columns / channels;
        for (var n = 0; n < outputGradient.Rows; n++)
        {
            for (var at = 0; at < inputGradient.Columns; at++)
            {
                inputGradient.Row(n)[at] = outputGradient.Row(n)[at / pixels] / T.CreateChecked(pixels);
            }
        }
    }

    /// <summary>The elements that the window of output element <paramref name="at"/> sees, in (ky, kx) order: its number there, its place in the image.</summary>
    private static IEnumerable<(int Tap, int Element)> Window(ImageWindows w, int at)
    {
        var (channel, pixel) = Math.DivRem(at, w.OutputPixels);
        for (var tap = 0; tap < w.WindowSize; tap++)
        {
            var y = (pixel / w.OutputWidth * w.Stride) - w.Padding + (tap / w.KernelWidth);
            var x = (pixel % w.OutputWidth * w.Stride) - w.Padding + (tap % w.KernelWidth);
            if (y >= 0 && y < w.Height && x >= 0 && x < w.Width)
            {
                yield return (tap, (((channel * w.Height) + y) * w.Width) + x);
            }
        }
    }
}
