using System.IO.Hashing;
using System.Runtime.InteropServices;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;

namespace DistTrain.Core.Training;

/// <summary>How what was computed again compares with what the run recorded.</summary>
public enum ReplayVerdict
{
    /// <summary>Every version computed that the record knows is equal, the last one among them.</summary>
    Equal,

    /// <summary>At least one differs.</summary>
    Differs,

    /// <summary>The record does not know the last version, and none before it differs.</summary>
    Unknown,
}

/// <summary>What stands for one shard's partial.</summary>
/// <param name="Shard">Which, of those of a step.</param>
/// <param name="SampleCount">Its samples.</param>
/// <param name="LossSum">The sum of their losses.</param>
/// <param name="CorrectCount">How many of them the network classified as labelled.</param>
/// <param name="Gradient">XxHash128 of the gradient of the loss sum: the model's flat layout, little-endian binary32.</param>
public sealed record ShardFingerprint(int Shard, int SampleCount, double LossSum, int CorrectCount, UInt128 Gradient);

/// <summary>
/// Computes steps of a recorded run again, from a checkpoint or from step 0, by the one code path of all training, and compares each version of
/// the parameters with the run's chain. Evaluations, which change no parameter, are left out.
/// </summary>
public sealed unsafe class Replayer : IDisposable
{
    private readonly RecordedRun _run;
    private readonly Dataset _dataset;
    private readonly ShardComputation _computation;
    private readonly List<Partial> _partials = [];
    private readonly int[] _order;
    private long _epochOfOrder = -1;

    /// <summary>Begins at a checkpoint, and compares it.</summary>
    /// <param name="run">The run.</param>
    /// <param name="dataset">Its data.</param>
    /// <param name="from">Of this run; null for step 0. Stays the caller's, and is not needed any longer.</param>
    /// <param name="threads">To compute with; no bit depends on it. Default 1.</param>
    /// <param name="kernels">What to compute with; default <see cref="VectorKernels.Best"/>.</param>
    /// <exception cref="InvalidInputException">The data is not the run's.</exception>
    public Replayer(RecordedRun run, Dataset dataset, TrainingSnapshot? from = null, int threads = 1, Kernels<float>? kernels = null)
    {
        run.Spec.RequireData(dataset);
        kernels ??= VectorKernels.Best;
        (_run, _dataset) = (run, dataset);
        _order = new int[dataset.Train.Count];
        State = new TrainingState(run.Spec, kernels, from);
        _computation = new ShardComputation(run.Spec, kernels, threads, State.Pools);
        (FirstVersion, IsFromCheckpoint) = (State.StepsDone, from is not null);
        Compare();
    }

    /// <summary>The state come to.</summary>
    public TrainingState State { get; }

    /// <summary>The version it began with.</summary>
    public long FirstVersion { get; }

    /// <summary>Whether that was a checkpoint's.</summary>
    public bool IsFromCheckpoint { get; }

    /// <summary>The first version from there on whose recorded hash is another one; null if there is none so far.</summary>
    public long? FirstDifference { get; private set; }

    /// <summary>How the versions so far compare with the record.</summary>
    public ReplayVerdict Verdict =>
        FirstDifference is not null ? ReplayVerdict.Differs
        : _run.ChainAt(State.StepsDone) is null ? ReplayVerdict.Unknown
        : ReplayVerdict.Equal;

    /// <summary>Computes the steps up to a version of the parameters.</summary>
    /// <param name="version">The steps behind it.</param>
    /// <param name="cancellation">Ends it between two steps.</param>
    /// <exception cref="TrainingFailedException">A step came out not finite.</exception>
    public void AdvanceTo(long version, CancellationToken cancellation = default)
    {
        while (State.StepsDone < version)
        {
            cancellation.ThrowIfCancellationRequested();
            Step();
            Compare();
        }
    }

    /// <summary>Computes one shard of the next step: the update that would lead to the parameters after these.</summary>
    /// <param name="shard">From 0 to S − 1.</param>
    public ShardFingerprint Fingerprint(int shard)
    {
        Compute(new ShardRange(shard, shard + 1));
        var partial = _partials[0];
        _partials.Clear();
        var gradient = XxHash128.HashToUInt128(MemoryMarshal.AsBytes(partial.Gradient.Span));
        var fingerprint = new ShardFingerprint(shard, partial.SampleCount, partial.LossSum, partial.CorrectCount, gradient);
        State.Pools.Training.Return(partial);
        return fingerprint;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _computation.Dispose();
        State.Dispose();
    }

    private void Step()
    {
        Compute(new ShardRange(0, State.Spec.ShardCount));
        var isFinite = _partials.TrueForAll(State.IsFinite);
        _partials.ForEach(partial => State.Add(RoundKind.Training, partial));
        _partials.Clear();
        var step = State.StepsDone;
        var outcome = isFinite
            ? State.CommitStep(step)
            : SessionEvent.StepRefused(FormattableString.Invariant($"Step {step}: the loss or the gradient is not finite."));
        if (outcome.Kind == EventKind.StepRefused)
        {
            throw new TrainingFailedException(FormattableString.Invariant(
                $"Computed again, the run cannot come to the parameters after step {step + 1}, though its record does. {outcome.Reason}"));
        }
    }

    private void Compute(ShardRange range)
    {
        var spec = State.Spec;
        var batch = Sampler.Batch(State.StepsDone, spec.Dataset.TrainCount, spec.BatchSize);
        if (batch.Epoch != _epochOfOrder)
        {
            Sampler.Permutation(spec.Seed, batch.Epoch, _order);
            _epochOfOrder = batch.Epoch;
        }

        _computation.UseParameters(State.Parameters.Pointer);
        _computation.ComputeGradients(_dataset.Train, _order, batch, spec.ShardCount, range, _partials);
    }

    private void Compare()
    {
        if (FirstDifference is null && _run.ChainAt(State.StepsDone) is { } recorded && recorded != State.Chain)
        {
            FirstDifference = State.StepsDone;
        }
    }
}
