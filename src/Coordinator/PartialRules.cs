using System.Numerics;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Coordinator;

/// <summary>What to do with an announced partial, before any of it is buffered.</summary>
internal enum PartialDecision
{
    /// <summary>Receive it.</summary>
    Receive,

    /// <summary>Let its chunks pass by and answer with the verdict.</summary>
    Discard,

    /// <summary>The worker breaks the protocol: end its connection.</summary>
    Disconnect,
}

/// <summary>A decision with what it was made of.</summary>
/// <param name="Decision">What to do.</param>
/// <param name="Round">Which round it is for; for <see cref="PartialDecision.Receive"/>.</param>
/// <param name="Node">Which node; for <see cref="PartialDecision.Receive"/>.</param>
/// <param name="Verdict">The answer; for <see cref="PartialDecision.Discard"/>.</param>
/// <param name="Reason">What is wrong; for <see cref="PartialDecision.Disconnect"/>.</param>
internal readonly record struct PartialJudgement(
    PartialDecision Decision,
    Round Round = default,
    ShardRange Node = default,
    Verdict Verdict = default,
    string Reason = "");

/// <summary>Judges the header of a partial against the run, the current round and the worker's lease (4.2).</summary>
internal static class PartialRules
{
    /// <summary>The decision.</summary>
    /// <param name="header">What the worker announces.</param>
    /// <param name="incarnation">Of this coordinator.</param>
    /// <param name="spec">The run.</param>
    /// <param name="parameterCount">Elements of the model's gradient.</param>
    /// <param name="current">The round being computed; null before the first.</param>
    /// <param name="lease">The worker's last lease; null before the first.</param>
    public static PartialJudgement Judge(PartialHeader header, ulong incarnation, RunSpec spec, int parameterCount, Round? current, Lease? lease)
    {
        // The length comes first: even chunks to be dropped are never more than one tensor of the model.
        if (Rounds.FromWire(header.Kind, header.Version, spec) is not { } round)
        {
            return Disconnect($"kind {(int)header.Kind} and version {header.Version} name no round of this run");
        }

        var expectedBytes = round.Kind == Core.Training.RoundKind.Training ? (ulong)parameterCount * sizeof(float) : 0;
        if (header.LengthBytes != expectedBytes)
        {
            return Disconnect($"a partial of {header.LengthBytes} bytes was announced; here it has {expectedBytes}");
        }

        if (header.Incarnation != incarnation)
        {
            return new PartialJudgement(PartialDecision.Discard, Verdict: Verdict.WrongIncarnation);
        }

        if (Rounds.Range(header.FirstShard, header.EndShard, round.ShardCount) is not { } node || !ReductionTree.IsNode(round.ShardCount, node))
        {
            return Disconnect($"shards [{header.FirstShard}, {header.EndShard}) are no node of the tree over {round.ShardCount} shards");
        }

        if (header.ParametersVersion != header.Version)
        {
            return Disconnect($"a partial of version {header.Version} was computed with the parameters of version {header.ParametersVersion}");
        }

        var samples = Rounds.SampleCount(round, node, spec);
        if (header.SampleCount != samples)
        {
            return Disconnect($"node {node} of {round.Kind} {round.Version} has {samples} samples, not {header.SampleCount}");
        }

        if (lease is { } mine && header.LeaseId == (ulong)mine.Id && (round != mine.Round || !mine.Range.Contains(node)))
        {
            return Disconnect($"node {node} of {round.Kind} {round.Version} is not of lease {mine.Id}, which is {mine.Range} of {mine.Round.Kind} {mine.Round.Version}");
        }

        return round == current
            ? new PartialJudgement(PartialDecision.Receive, round, node)
            : new PartialJudgement(PartialDecision.Discard, Verdict: Verdict.Stale);
    }

    /// <summary>What is wrong with the end of a partial whose header was right; null if nothing is.</summary>
    /// <param name="end">The end.</param>
    /// <param name="header">Its header.</param>
    /// <param name="isInPlace">Whether its gradient lies in shared memory, and has no checksum.</param>
    public static string? Judge(PartialEnd end, PartialHeader header, bool isInPlace = false) => end switch
    {
        _ when !isInPlace && end.Checksum.Length != Checksum.SizeBytes => $"a checksum has {Checksum.SizeBytes} bytes, not {end.Checksum.Length}",
        _ when end.CorrectCount > header.SampleCount => $"of {header.SampleCount} samples {end.CorrectCount} cannot be correct",
        _ => null,
    };

    /// <summary>How many partials of one worker may be on their way at a time: as many as a range of shards has largest nodes at most.</summary>
    public static int MaximumInFlight(Round round) => 2 + (2 * BitOperations.Log2((uint)round.ShardCount));

    private static PartialJudgement Disconnect(string reason) => new(PartialDecision.Disconnect, Reason: reason);
}
