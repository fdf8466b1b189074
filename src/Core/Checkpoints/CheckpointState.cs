using System.Globalization;
using System.Text;
using DistTrain.Core.Formats;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>A double that comes back bit for bit.</summary>
/// <param name="Bits">Its 64 bits as 16 hexadecimal digits: what counts.</param>
/// <param name="Value">For readers; absent if it is not finite.</param>
internal sealed record ExactDouble(string Bits, double? Value = null)
{
    public static ExactDouble Of(double value) => new(
        BitConverter.DoubleToUInt64Bits(value).ToString("x16", CultureInfo.InvariantCulture),
        double.IsFinite(value) ? value : null);

    /// <summary>The number.</summary>
    /// <exception cref="InvalidInputException">It is not written as <see cref="Of"/> does.</exception>
    public double ToDouble() =>
        ulong.TryParse(Bits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var bits)
        && BitConverter.UInt64BitsToDouble(bits) is var value
        && this == Of(value)
            ? value
            : throw new InvalidInputException("a number's bits must be 16 hexadecimal digits, and its value the same number.");
}

/// <summary><see cref="TrainingProgress"/> in state.json.</summary>
internal sealed record ProgressDocument(
    ExactDouble TotalLossSum,
    long TotalSamples,
    ExactDouble EpochLossSum,
    long EpochSamples,
    ExactDouble LastStepLoss,
    long EvaluatedAt,
    ExactDouble? LastEpochLoss = null,
    ExactDouble? LastTestLoss = null,
    ExactDouble? LastTestAccuracy = null)
{
    public static ProgressDocument Of(TrainingProgress progress) => new(
        ExactDouble.Of(progress.TotalLossSum),
        progress.TotalSamples,
        ExactDouble.Of(progress.EpochLossSum),
        progress.EpochSamples,
        ExactDouble.Of(progress.LastStepLoss),
        progress.EvaluatedAt,
        progress.LastEpochLoss is { } loss ? ExactDouble.Of(loss) : null,
        progress.LastEvaluation is { } test ? ExactDouble.Of(test.Loss) : null,
        progress.LastEvaluation is { } result ? ExactDouble.Of(result.Accuracy) : null);

    public TrainingProgress ToProgress() => new(
        TotalLossSum.ToDouble(),
        TotalSamples,
        EpochLossSum.ToDouble(),
        EpochSamples,
        LastEpochLoss?.ToDouble(),
        LastStepLoss.ToDouble(),
        LastTestLoss is null ? null : new Evaluation(LastTestLoss.ToDouble(), LastTestAccuracy!.ToDouble()),
        EvaluatedAt);
}

/// <summary>state.json: everything of a snapshot but its tensors. It has exactly one text for one content.</summary>
/// <param name="FormatVersion">Of the checkpoint.</param>
/// <param name="Run">The run.</param>
/// <param name="StepsDone">The steps behind the parameters.</param>
/// <param name="Epoch">The epoch of the next step, from 0; follows from the steps.</param>
/// <param name="Position">The place of the next step's first sample in its epoch; follows from the steps.</param>
/// <param name="Incarnation">Of the coordinator that saved it.</param>
/// <param name="Chain">The hash chain up to these parameters, 32 hexadecimal digits.</param>
/// <param name="Progress">Losses and counts.</param>
/// <param name="OptimizerScalars">The optimizer's numbers that are no tensors.</param>
internal sealed record CheckpointState(
    int FormatVersion,
    RunSpec Run,
    long StepsDone,
    long Epoch,
    int Position,
    ulong Incarnation,
    string Chain,
    ProgressDocument Progress,
    IReadOnlyList<ExactDouble> OptimizerScalars)
{
    private const int ChainDigits = 2 * HashChain.SizeBytes;

    /// <summary>The state of a snapshot.</summary>
    public static CheckpointState Of(TrainingSnapshot snapshot, ulong incarnation)
    {
        var next = Sampler.Batch(snapshot.StepsDone, snapshot.Spec.Dataset.TrainCount, snapshot.Spec.BatchSize);
        return new CheckpointState(
            CheckpointFormat.Version,
            snapshot.Spec,
            snapshot.StepsDone,
            next.Epoch,
            next.First,
            incarnation,
            snapshot.Chain.ToString($"x{ChainDigits}", CultureInfo.InvariantCulture),
            ProgressDocument.Of(snapshot.Progress),
            [.. snapshot.OptimizerScalars.Select(ExactDouble.Of)]);
    }

    /// <summary>Its bytes.</summary>
    public byte[] Write() => Encoding.UTF8.GetBytes(SpecJson.Write(this) + "\n");

    /// <summary>Reads and checks state.json.</summary>
    /// <exception cref="InvalidInputException">It is damaged, of another format, or contradicts itself.</exception>
    public static CheckpointState Read(byte[] content, string source)
    {
        var text = CheckpointFormat.Text(content, source);
        CheckpointFormat.RequireVersion(text, source);
        var state = SpecJson.Read<CheckpointState>(text, source);
        try
        {
            state.Run.Validate();
            state.Check();
        }
        catch (InvalidInputException e)
        {
            throw new InvalidInputException($"{source}: {e.Message}", e);
        }

        return content.AsSpan().SequenceEqual(state.Write())
            ? state
            : throw new InvalidInputException($"{source}: is damaged: it is not the text that DistTrain writes.");
    }

    /// <summary>Copies into a snapshot of <see cref="Run"/>.</summary>
    public void CopyTo(TrainingSnapshot snapshot)
    {
        snapshot.StepsDone = StepsDone;
        snapshot.Chain = ChainValue();
        snapshot.Progress = Progress.ToProgress();
        for (var i = 0; i < OptimizerScalars.Count; i++)
        {
            snapshot.OptimizerScalars[i] = OptimizerScalars[i].ToDouble();
        }
    }

    /// <summary>The chain as a number.</summary>
    public UInt128 ChainValue() => Chain.Length == ChainDigits
        && UInt128.TryParse(Chain, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var chain)
            ? chain
            : throw new InvalidInputException($"chain must be {ChainDigits} hexadecimal digits.");

    private void Check()
    {
        if (StepsDone < 0 || StepsDone > Run.TotalSteps)
        {
            throw new InvalidInputException($"stepsDone is {StepsDone}, but the run has {Run.TotalSteps} steps.");
        }

        var next = Sampler.Batch(StepsDone, Run.Dataset.TrainCount, Run.BatchSize);
        if ((Epoch, Position) != (next.Epoch, next.First))
        {
            throw new InvalidInputException($"epoch {Epoch} and position {Position} do not follow from stepsDone, {StepsDone}.");
        }

        if (Progress.LastTestLoss is null != Progress.LastTestAccuracy is null)
        {
            throw new InvalidInputException("lastTestLoss and lastTestAccuracy go together.");
        }

        var scalars = Optimizer.ScalarCountOf(Run.Optimizer);
        if (OptimizerScalars.Count != scalars || OptimizerScalars.Contains(null!))
        {
            throw new InvalidInputException($"the optimizer {Run.Optimizer.Name} has {scalars} numbers in optimizerScalars.");
        }

        _ = ChainValue();
        _ = Progress.ToProgress();
        foreach (var scalar in OptimizerScalars)
        {
            _ = scalar.ToDouble();
        }
    }
}
