using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Identity;
using DistTrain.Transport.Wire;

namespace DistTrain.Coordinator;

/// <summary>Who may join (1.2).</summary>
internal static class HelloRules
{
    private const int MaximumNameLength = 255;

    /// <summary>Why this worker may not join; null if it may.</summary>
    public static Refused? Judge(WorkerMessage first, RunSpec spec, ReadOnlySpan<byte> knownAnswer, bool hasEnded, bool isFull, Quarantine quarantine, PeerIdentity? identity = null)
    {
        if (first.Hello is not { } hello)
        {
            return Refuse(RefusalReason.MalformedHello, $"The first message was {first.KindCase}; it must be a hello.");
        }

        if (hello.ProtocolVersion != Protocol.Version)
        {
            return Refuse(
                RefusalReason.ProtocolVersion,
                $"The worker speaks protocol {hello.ProtocolVersion}, the coordinator {Protocol.Version}. Use the coordinator's build, {Protocol.BuildVersion}.");
        }

        if (hello.Threads is < 1 or > int.MaxValue || hello.ProcessId > int.MaxValue || !IsName(hello.Host) || !IsName(hello.BuildVersion) || !IsName(hello.Name))
        {
            return Refuse(
                RefusalReason.MalformedHello,
                $"The hello says {hello.Threads} threads, process {hello.ProcessId}, a host of {hello.Host.Length} and a build of {hello.BuildVersion.Length} characters: "
                + $"threads and process must be numbers of this machine, names at most {MaximumNameLength} characters without control characters.");
        }

        if (hello.NumericsRevision != (uint)spec.NumericsRevision)
        {
            return Refuse(
                RefusalReason.NumericsRevision,
                $"The worker computes by numerics revision {hello.NumericsRevision}, the run by {spec.NumericsRevision}: the bits would differ. Use the coordinator's build, {Protocol.BuildVersion}.");
        }

        if (!hello.KnownAnswer.Span.SequenceEqual(knownAnswer))
        {
            return Refuse(
                RefusalReason.KnownAnswer,
                $"The worker's known answer is {Hex(hello.KnownAnswer.Span)}, the coordinator's {Hex(knownAnswer)}: it computes other bits. "
                + $"Its build is {hello.BuildVersion}, the coordinator's {Protocol.BuildVersion}; with equal builds its processor is at fault.");
        }

        if (hasEnded)
        {
            return Refuse(RefusalReason.RunEnded, "The run has ended.", transient: true);
        }

        if (quarantine.Holds(NameOf(hello), identity, out var reason, out var left))
        {
            return left == TimeSpan.MaxValue
                ? Refuse(RefusalReason.Quarantined, $"This worker is sent away for good: {reason}. Look at its hardware before it computes anything again.")
                : Refuse(RefusalReason.Quarantined, $"This worker is sent away for {left.TotalSeconds:0} s more: {reason}.", transient: true);
        }

        return isFull ? Refuse(RefusalReason.Full, "The coordinator has as many workers as it takes.", transient: true) : null;
    }

    /// <summary>The name that a worker keeps over its restarts: its own, or else its process.</summary>
    public static string NameOf(Hello hello) => hello.Name.Length > 0 ? hello.Name : FormattableString.Invariant($"{hello.Host}/{hello.ProcessId}");

    /// <summary>A text of a worker's as a log may show it: one line, not long.</summary>
    public static string Printable(string text) => string.Concat(text.Take(MaximumNameLength).Select(c => char.IsControl(c) ? ' ' : c));

    /// <summary>They go into logs, where a line break would make a line of its own.</summary>
    private static bool IsName(string text) => text.Length <= MaximumNameLength && !text.Any(char.IsControl);

    private static Refused Refuse(RefusalReason reason, string text, bool transient = false) => new() { Reason = reason, Text = text, Transient = transient };

    private static string Hex(ReadOnlySpan<byte> bytes) => bytes.Length == Checksum.SizeBytes ? Convert.ToHexStringLower(bytes) : $"of {bytes.Length} bytes";
}
