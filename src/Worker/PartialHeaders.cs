using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Worker;

/// <summary>What a worker says of a partial before and after its chunks (4.1).</summary>
internal static class PartialHeaders
{
    /// <summary>The header of a partial.</summary>
    /// <param name="incarnation">Of the coordinator that granted the lease.</param>
    /// <param name="lease">What it is computed for.</param>
    /// <param name="partial">What is computed: node and sample count are known.</param>
    /// <param name="number">By which the rest of it is named.</param>
    public static PartialHeader Of(ulong incarnation, Lease lease, Partial partial, uint number) => new()
    {
        Incarnation = incarnation,
        LeaseId = (ulong)lease.Id,
        Kind = Rounds.ToWire(lease.Round.Kind),
        Version = (ulong)lease.Round.Version,
        ParametersVersion = (ulong)lease.Round.Version,
        FirstShard = (uint)partial.Node.Start,
        EndShard = (uint)partial.Node.End,
        SampleCount = (uint)partial.SampleCount,
        LengthBytes = (ulong)partial.Gradient.Length * sizeof(float),
        Number = number,
    };

    /// <summary>Its end, when it is computed.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="partial">What was computed.</param>
    /// <param name="computeTime">How long that took.</param>
    public static PartialEnd End(PartialHeader header, Partial partial, TimeSpan computeTime)
    {
        var end = Unproved(header, partial, computeTime);
        end.Checksum = Checksum.Of(header, end, TensorBytes.Of(partial.Gradient).Span);
        return end;
    }

    /// <summary>The end of one that lies in shared memory, without a checksum (8.3).</summary>
    /// <param name="header">Its header.</param>
    /// <param name="partial">What was computed.</param>
    /// <param name="computeTime">How long that took.</param>
    /// <param name="isFinite">Whether everything in it is.</param>
    public static PartialEnd EndInPlace(PartialHeader header, Partial partial, TimeSpan computeTime, bool isFinite)
    {
        var end = Unproved(header, partial, computeTime);
        end.IsFinite = isFinite;
        return end;
    }

    private static PartialEnd Unproved(PartialHeader header, Partial partial, TimeSpan computeTime) => new()
    {
        Number = header.Number,
        LossSum = partial.LossSum,
        CorrectCount = (uint)partial.CorrectCount,
        ComputeMicroseconds = (uint)Math.Min(computeTime.TotalMicroseconds, uint.MaxValue),
    };
}
