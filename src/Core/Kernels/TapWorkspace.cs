using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>The SIMD kernels' tables and memory for the convolutions of one shape; what only the backward pass needs is made when it comes.</summary>
internal sealed unsafe class TapWorkspace<TLanes> : ConvolutionWorkspace<float>
    where TLanes : unmanaged, ILanes<TLanes, float>
{
    private readonly TapImage _input;
    private readonly TapProduct<TLanes> _forward;
    private ITapGradient? _weightGradient;
    private List<InputGradientPhase<TLanes>>? _inputGradient;

    public TapWorkspace(ImageWindows windows, int filters)
        : base(windows, filters)
    {
        _input = TapImage.OfInput(windows);
        _forward = new TapProduct<TLanes>(_input, filters);
    }

    public void Forward(Matrix<float> input, float* weight, float* bias, Matrix<float> output, bool rectify) =>
        _forward.Run(input, weight, bias, output, rectify);

    public void WeightGradient(
        Matrix<float> outputGradient, Matrix<float> input, FoldPlan plan, float** nodeBuffers, int offset, int firstRow)
    {
        // Filters are the lanes: no wider than there are filters.
        _weightGradient ??= TLanes.Count > Lanes256.Count && Filters <= Lanes256.Count
            ? new TapGradient<Lanes256>(_input, Filters)
            : new TapGradient<TLanes>(_input, Filters);
        _weightGradient.Run(outputGradient, input, plan, nodeBuffers, offset, firstRow);
    }

    /// <summary><see cref="Kernels{T}.ConvolutionInputGradient"/>; the weight is null if it is the last call's.</summary>
    public void InputGradient(Matrix<float> outputGradient, float* weight, Matrix<float> inputGradient, Matrix<float> rectified)
    {
        _inputGradient ??= InputGradientPhase<TLanes>.All(Windows, Filters);
        if (Windows.Stride > Math.Min(Windows.KernelHeight, Windows.KernelWidth))
        {
            // Input elements that no window sees: the chain of no terms.
            for (var row = 0; row < inputGradient.Rows; row++)
            {
                inputGradient.Row(row).Clear();
            }
        }

        // The rectifier's derivative comes last, block by block while a block is in the cache; with several phases only after all of them.
        var isOnePhase = _inputGradient.Count == 1 && Windows.Stride == 1;
        foreach (var phase in _inputGradient)
        {
            phase.Run(outputGradient, weight, inputGradient, isOnePhase ? rectified : default);
        }

        if (!isOnePhase && !rectified.IsEmpty)
        {
            Rectification.Backward<TLanes>(inputGradient, rectified);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _forward.Dispose();
        _input.Dispose();
        _weightGradient?.Dispose();
        _inputGradient?.ForEach(phase => phase.Dispose());
        base.Dispose(disposing);
    }
}
