using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>The SIMD kernels' tables and memory for the convolutions of one shape; what only the backward pass needs is made when it comes.</summary>
internal sealed unsafe class TapWorkspace<TLanes> : ConvolutionWorkspace<float>
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    private readonly TapImage _input;
    private readonly TapProduct<TLanes> _forward;
    private TapGradient<TLanes>? _weightGradient;
    private TapImage? _outputGradient;
    private TapProduct<TLanes>? _inputGradient;
    private AlignedBuffer<float>? _regrouped;

    public TapWorkspace(ImageWindows windows, int filters)
        : base(windows, filters)
    {
        _input = TapImage.OfInput(windows);
        _forward = new TapProduct<TLanes>(_input, filters);
    }

    public void Forward(Matrix<float> input, float* weight, float* bias, Matrix<float> output) => _forward.Run(input, weight, bias, output);

    public void WeightGradient(Matrix<float> outputGradient, Matrix<float> input, FoldPlan plan, float** nodeBuffers, int offset)
    {
        _weightGradient ??= new TapGradient<TLanes>(_input, Filters);
        _weightGradient.Run(outputGradient, input, plan, nodeBuffers, offset);
    }

    public void InputGradient(Matrix<float> outputGradient, float* weight, Matrix<float> inputGradient)
    {
        _outputGradient ??= TapImage.OfOutputGradient(Windows, Filters);
        _inputGradient ??= new TapProduct<TLanes>(_outputGradient, Windows.Channels);
        _regrouped ??= new AlignedBuffer<float>(Filters * Taps);

        // From (filters, channels, window) to (channels, filters, window): then a row is a chain's k ascending.
        var to = _regrouped.Pointer;
        for (var c = 0; c < Windows.Channels; c++)
        {
            for (var f = 0; f < Filters; f++, to += Windows.WindowSize)
            {
                RowCopy.Copy(weight + ((((nint)f * Windows.Channels) + c) * Windows.WindowSize), to, Windows.WindowSize);
            }
        }

        _inputGradient.Run(outputGradient, _regrouped.Pointer, bias: null, inputGradient);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _forward.Dispose();
        _input.Dispose();
        _weightGradient?.Dispose();
        _inputGradient?.Dispose();
        _outputGradient?.Dispose();
        _regrouped?.Dispose();
        base.Dispose(disposing);
    }
}
