using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>The numbers beside the tensors that a run goes on from. None of them changes a parameter.</summary>
/// <param name="TotalLossSum">Of all samples trained on.</param>
/// <param name="TotalSamples">Samples trained on.</param>
/// <param name="EpochLossSum">Of the samples of the current epoch.</param>
/// <param name="EpochSamples">Samples of the current epoch trained on.</param>
/// <param name="LastEpochLoss">The mean over the last complete epoch; null before its end.</param>
/// <param name="LastStepLoss">The mean of the last step; NaN before the first.</param>
/// <param name="LastEvaluation">The last result on the test set; null before the first.</param>
/// <param name="EvaluatedAt">The steps behind the parameters of <paramref name="LastEvaluation"/>; −1 before the first.</param>
public sealed record TrainingProgress(
    double TotalLossSum,
    long TotalSamples,
    double EpochLossSum,
    long EpochSamples,
    double? LastEpochLoss,
    double LastStepLoss,
    Evaluation? LastEvaluation,
    long EvaluatedAt);

/// <summary>
/// A copy of everything that a run needs to go on after a step, in the same bits: what a checkpoint holds. Taken with
/// <see cref="TrainingState.CopyTo"/>, it may be written elsewhere while the run goes on. It can be taken into again.
/// </summary>
public sealed class TrainingSnapshot : IDisposable
{
    /// <summary>An empty one for a run.</summary>
    /// <param name="spec">The run.</param>
    public TrainingSnapshot(RunSpec spec)
    {
        Spec = spec;
        Parameters = new ParameterSet(spec.Model.ParameterLayout());
        SlotNames = Optimizer.SlotNamesOf(spec.Optimizer);
        Slots = [.. SlotNames.Select(_ => new ParameterSet(Parameters.Layout.WithoutBuffers()))];
        OptimizerScalars = new double[Optimizer.ScalarCountOf(spec.Optimizer)];
    }

    /// <summary>The run.</summary>
    public RunSpec Spec { get; }

    /// <summary>The steps behind the parameters.</summary>
    public long StepsDone { get; set; }

    /// <summary>The hash chain up to these parameters: <see cref="HashChain"/>.</summary>
    public UInt128 Chain { get; set; }

    /// <summary>Losses and counts.</summary>
    public TrainingProgress Progress { get; set; } = new(0, 0, 0, 0, null, double.NaN, null, -1);

    /// <summary>The parameters.</summary>
    public ParameterSet Parameters { get; }

    /// <summary>PyTorch's names of the optimizer's slots.</summary>
    public IReadOnlyList<string> SlotNames { get; }

    /// <summary>The optimizer's slots, in the layout of the parameters without the buffers, in the order of <see cref="SlotNames"/>.</summary>
    public IReadOnlyList<ParameterSet> Slots { get; }

    /// <summary>The optimizer's numbers that are no tensors, such as βᵗ; every bit counts.</summary>
    public double[] OptimizerScalars { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Parameters.Dispose();
        foreach (var slot in Slots)
        {
            slot.Dispose();
        }
    }
}
