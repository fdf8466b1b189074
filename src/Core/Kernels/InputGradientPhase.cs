using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>
/// The part of a convolution's input gradient for the input pixels of one phase: with stride s, those whose coordinates, padding added, are equal
/// modulo s. They share their taps, and among themselves they are a convolution of stride 1. With stride 1 there is one phase.
/// </summary>
internal sealed unsafe class InputGradientPhase<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    private readonly ImageWindows _windows;
    private readonly int _filters;
    private readonly int _phaseY;
    private readonly int _phaseX;
    private readonly TapImage _image;
    private readonly TapProduct<TLanes> _product;
    private readonly AlignedBuffer<float> _weight;

    private InputGradientPhase(ImageWindows windows, int filters, int phaseY, int phaseX)
    {
        (_windows, _filters, _phaseY, _phaseX) = (windows, filters, phaseY, phaseX);
        _image = TapImage.OfOutputGradient(windows, filters, phaseY, phaseX);
        _product = new TapProduct<TLanes>(_image, windows.Channels);
        _weight = new AlignedBuffer<float>(checked(windows.Channels * _image.Depth));
    }

    /// <summary>All phases that have pixels and taps.</summary>
    public static List<InputGradientPhase<TLanes>> All(ImageWindows w, int filters)
    {
        var phases =
            from phaseY in Enumerable.Range(0, Math.Min(w.Stride, w.KernelHeight))
            from phaseX in Enumerable.Range(0, Math.Min(w.Stride, w.KernelWidth))
            where GradientAxis.Of(w.Height, w.OutputHeight, w.KernelHeight, w.Stride, w.Padding, phaseY).Count > 0
                && GradientAxis.Of(w.Width, w.OutputWidth, w.KernelWidth, w.Stride, w.Padding, phaseX).Count > 0
            select new InputGradientPhase<TLanes>(w, filters, phaseY, phaseX);
        return [.. phases];
    }

    /// <summary>Computes the phase's pixels, and writes no others unless <paramref name="rectified"/> is not empty.</summary>
    public void Run(Matrix<float> outputGradient, float* weight, Matrix<float> inputGradient, Matrix<float> rectified)
    {
        RegroupWeight(weight);
        _product.Run(outputGradient, _weight.Pointer, bias: null, inputGradient, rectify: false, rectified);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _image.Dispose();
        _product.Dispose();
        _weight.Dispose();
    }

    /// <summary>From (filters, channels, ky, kx) to (channels, filters, the phase's ky, kx): then a row is a chain's k ascending.</summary>
    private void RegroupWeight(float* weight)
    {
        var w = _windows;
        var to = _weight.Pointer;
        for (var c = 0; c < w.Channels; c++)
        {
            for (var f = 0; f < _filters; f++)
            {
                var window = weight + ((((nint)f * w.Channels) + c) * w.WindowSize);
                for (var ky = _phaseY; ky < w.KernelHeight; ky += w.Stride)
                {
                    for (var kx = _phaseX; kx < w.KernelWidth; kx += w.Stride)
                    {
                        *to++ = window[(ky * w.KernelWidth) + kx];
                    }
                }
            }
        }
    }
}
