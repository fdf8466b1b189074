using DistTrain.Core.Training;
using RoundKind = DistTrain.Core.Training.RoundKind;
using WireKind = DistTrain.Transport.Wire.RoundKind;

namespace DistTrain.Transport;

/// <summary>Core's words as the wire's, and back.</summary>
public static class Rounds
{
    /// <summary>The kind on the wire.</summary>
    public static WireKind ToWire(RoundKind kind) => kind == RoundKind.Training ? WireKind.Training : WireKind.Evaluation;

    /// <summary>The round a message speaks of; null if it names no kind or has no plausible numbers.</summary>
    public static Round? FromWire(WireKind kind, ulong version, RunSpec spec) => kind switch
    {
        _ when version > (ulong)spec.TotalSteps => null,
        WireKind.Training => new Round(RoundKind.Training, (long)version, spec.ShardCount),
        WireKind.Evaluation => new Round(RoundKind.Evaluation, (long)version, spec.EvaluationShardCount),
        _ => null,
    };

    /// <summary>The range [first, end) of shards; null if it is empty or goes beyond the round.</summary>
    public static ShardRange? Range(uint first, uint end, int shardCount) =>
        first < end && end <= (uint)shardCount ? new ShardRange((int)first, (int)end) : null;

    /// <summary>How many samples a range of a round's shards has: what the RunSpec says, whoever computes them.</summary>
    public static int SampleCount(Round round, ShardRange range, RunSpec spec)
    {
        var samples = round.Kind == RoundKind.Training
            ? Sampler.Batch(round.Version, spec.Dataset.TrainCount, spec.BatchSize).Count
            : spec.Dataset.TestCount;
        return ShardPlan.Start(range.End, round.ShardCount, samples) - ShardPlan.Start(range.Start, round.ShardCount, samples);
    }
}
