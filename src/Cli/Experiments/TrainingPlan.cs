using DistTrain.Core.Data;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;

namespace DistTrain.Cli.Experiments;

/// <summary>One training of an experiment.</summary>
/// <param name="Label">What it is called in tables and messages.</param>
/// <param name="Model">The network.</param>
/// <param name="Optimizer">How it learns.</param>
/// <param name="Data">What it learns.</param>
/// <param name="BatchSize">Samples per step.</param>
/// <param name="Epochs">How long; null if <paramref name="Steps"/> says it.</param>
/// <param name="Steps">How long; null if <paramref name="Epochs"/> says it.</param>
public sealed record TrainingPlan(
    string Label, ModelSpec Model, OptimizerSpec Optimizer, Dataset Data, int BatchSize = 100, int? Epochs = null, long? Steps = null)
{
    /// <summary>Shards per step: fewer make the statistics of batch normalisation steadier. Default 4.</summary>
    public int Shards { get; init; } = 4;

    /// <summary>Whether accuracy on the training set is measured after each epoch too.</summary>
    public bool MeasuresTrainAccuracy { get; init; }
}

/// <summary>Where a training stood after an epoch.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="Step">Updates done.</param>
/// <param name="TrainLoss">Mean over the epoch, while it was trained.</param>
/// <param name="TestLoss">Mean over the test set.</param>
/// <param name="TestAccuracy">Fraction.</param>
/// <param name="TrainAccuracy">Fraction, of the parameters after the epoch; NaN if it was not asked for.</param>
public sealed record EpochPoint(int Epoch, long Step, double TrainLoss, double TestLoss, double TestAccuracy, double TrainAccuracy);

/// <summary>What a training left.</summary>
/// <param name="Plan">It.</param>
/// <param name="StepLosses">The mean loss of each update's batch.</param>
/// <param name="Epochs">After each epoch.</param>
/// <param name="Parameters">The last parameters and running statistics, in the model's layout.</param>
/// <param name="Failure">Why it ended before its time (NaN or infinity); null if it did not.</param>
public sealed record TrainedRun(
    TrainingPlan Plan, IReadOnlyList<double> StepLosses, IReadOnlyList<EpochPoint> Epochs, IReadOnlyList<float> Parameters, string? Failure)
{
    private const double FinalShare = 0.1;

    /// <summary>How long each update took, evaluations apart; the first ones also translate the code. Never part of a CSV: times repeat nowhere.</summary>
    public IReadOnlyList<TimeSpan> StepTimes { get; init; } = [];

    /// <summary>The mean loss over the last tenth of the updates; infinite if the training failed.</summary>
    public double FinalLoss => LossAfter(StepLosses.Count);

    /// <summary>The mean loss over the last tenth of the first <paramref name="updates"/> updates; infinite if the training failed.</summary>
    public double LossAfter(int updates)
    {
        var count = Math.Max(1, (int)(updates * FinalShare));
        return Failure is null ? StepLosses.Take(updates).TakeLast(count).Average() : double.PositiveInfinity;
    }

    /// <summary>The parameters as the core takes them; the caller disposes of them.</summary>
    public ParameterSet ToParameterSet()
    {
        var set = new ParameterSet(Plan.Model.ParameterLayout());
        Parameters.ToArray().CopyTo(set.Values);
        return set;
    }
}
