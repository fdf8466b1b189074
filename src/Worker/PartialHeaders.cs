using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Worker;

/// <summary>How a worker announces what it has computed (4.1).</summary>
internal static class PartialHeaders
{
    /// <summary>The header of a partial.</summary>
    /// <param name="incarnation">Of the coordinator that granted the lease.</param>
    /// <param name="lease">What it was computed for.</param>
    /// <param name="partial">What was computed.</param>
    /// <param name="computeTime">How long that took.</param>
    /// <param name="isInPlace">Whether its gradient lies in shared memory, and needs no checksum.</param>
    public static PartialHeader Of(ulong incarnation, Lease lease, Partial partial, TimeSpan computeTime, bool isInPlace = false)
    {
        var bytes = TensorBytes.Of(partial.Gradient);
        var header = new PartialHeader
        {
            Incarnation = incarnation,
            LeaseId = (ulong)lease.Id,
            Kind = Rounds.ToWire(lease.Round.Kind),
            Version = (ulong)lease.Round.Version,
            ParametersVersion = (ulong)lease.Round.Version,
            FirstShard = (uint)partial.Node.Start,
            EndShard = (uint)partial.Node.End,
            SampleCount = (uint)partial.SampleCount,
            LossSum = partial.LossSum,
            CorrectCount = (uint)partial.CorrectCount,
            LengthBytes = (ulong)bytes.Length,
            ComputeMicroseconds = (uint)Math.Min(computeTime.TotalMicroseconds, uint.MaxValue),
        };
        if (!isInPlace)
        {
            header.Checksum = Checksum.Of(header, bytes.Span);
        }

        return header;
    }
}
