using System.Net;

namespace DistTrain.Coordinator;

/// <summary>Who may look at a run and steer it, and whether it is the run that is meant (7.1). Decided purely.</summary>
internal static class ControlRules
{
    /// <summary>Bytes of the largest request.</summary>
    public const int MaximumMessageBytes = 4096;

    /// <summary>Why this peer is not answered; null if it is.</summary>
    /// <param name="peer">Where the call comes from; null if that is unknown.</param>
    /// <param name="overSocketFile">Whether it came over a socket's file, which lets nobody in but the coordinator's own user; it has no address then.</param>
    public static string? RefusePeer(IPAddress? peer, bool overSocketFile)
    {
        // 127.0.0.2 too, and each in the clothes of IPv6.
        var address = peer is { IsIPv4MappedToIPv6: true } ? peer.MapToIPv4() : peer;
        return overSocketFile || (address is not null && IPAddress.IsLoopback(address))
            ? null
            : $"A run is shown to and steered by the coordinator's own machine only, over 127.0.0.1 or [::1]; this call came from {address?.ToString() ?? "nowhere"}. Run the command there.";
    }

    /// <summary>Why the call is for another run; null if it is for this one.</summary>
    /// <param name="wantedIncarnation">Of the coordinator that is meant; 0 for any.</param>
    /// <param name="wantedProcess">Its process; 0 for any.</param>
    /// <param name="incarnation">Of this coordinator.</param>
    /// <param name="process">This one.</param>
    public static string? RefuseTarget(ulong wantedIncarnation, uint wantedProcess, ulong incarnation, int process) =>
        (wantedIncarnation == 0 || wantedIncarnation == incarnation) && (wantedProcess == 0 || wantedProcess == (uint)process)
            ? null
            : $"The run that is meant, process {wantedProcess} in incarnation {wantedIncarnation}, has ended: its address is now that of process {process} in incarnation {incarnation}. Name the other run's directory or address.";
}
