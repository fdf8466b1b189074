using System.Net;
using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Cli.Operating;

/// <summary>Where an operator's command finds its run.</summary>
/// <param name="EndPoint">The coordinator.</param>
/// <param name="Target">Which run must answer there; null if any may.</param>
/// <param name="Directory">The run directory that says so; null if the user named the address.</param>
/// <param name="IsSecure">Whether TLS and certificates are used there.</param>
public sealed record RunAddress(EndPoint EndPoint, Target? Target, string? Directory, bool IsSecure)
{
    private const string SecurePrefix = "https://";

    /// <summary>An address as a run directory keeps it for operators.</summary>
    public static string ToAnnounce(string address, bool isSecure) => isSecure ? SecurePrefix + address : address;

    /// <summary>The address as users write it.</summary>
    public override string ToString() => CoordinatorAddress.Text(EndPoint);

    /// <summary>What <c>--coordinator</c> or <c>--run</c> says.</summary>
    /// <exception cref="InvalidInputException">Both say something, or the run directory leads nowhere.</exception>
    public static RunAddress Of(VerbCall call)
    {
        var values = call.Values;
        var (address, run) = (values.Origin(CommonOptions.RunAddress), values.Origin(CommonOptions.Run));
        if (run == SettingOrigin.Default || run < address)
        {
            var named = values.Get(CommonOptions.RunAddress, new DnsEndPoint("127.0.0.1", CommonOptions.DefaultPort));
            // Beyond this machine nobody is answered in clear.
            return new RunAddress(named, null, null, values.Get(CommonOptions.OperatorTls, false) || (named is DnsEndPoint host && !IsThisMachine(host.Host)));
        }

        return run == address
            ? throw new InvalidInputException($"{values.Place(CommonOptions.RunAddress)} and {values.Place(CommonOptions.Run)} both say which run; give one of the two.")
            : In(call.Surroundings.Resolve(values.FindText(CommonOptions.Run)!));
    }

    private static bool IsThisMachine(string host) => host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private static EndPoint? Parse(string text) => CoordinatorAddress.FindSocket(text) is { } socket ? socket
        : IPEndPoint.TryParse(text, out var endPoint) ? new DnsEndPoint(Reachable(endPoint.Address).ToString(), endPoint.Port)
        : null;

    /// <summary>"Any address" is nothing to connect to, and no other one than loopback is answered.</summary>
    private static IPAddress Reachable(IPAddress address) =>
        address.Equals(IPAddress.Any) ? IPAddress.Loopback : address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : address;

    private static RunAddress In(string directory)
    {
        if (!System.IO.Directory.Exists(directory))
        {
            throw new InvalidInputException($"There is no run directory {directory}. 'disttrain train' prints where it puts its runs.");
        }

        if (RunLock.Read(DiskFileSystem.Instance, directory) is not var (incarnation, holder))
        {
            throw new InvalidInputException($"The directory {directory} holds no run that anybody has begun; give --run the directory that 'disttrain train' prints.");
        }

        if (holder.Address is not { } text)
        {
            throw new InvalidInputException(
                $"The run in {directory} (process {holder.ProcessId} on {holder.Host}) has no server, because it has ended, trains in its own process (--workers 0), or is only starting: nothing can ask it. A signal stops it; --workers 1 makes it answer.");
        }

        var isSecure = text.StartsWith(SecurePrefix, StringComparison.Ordinal);
        return holder.Host == Environment.MachineName && Parse(isSecure ? text[SecurePrefix.Length..] : text) is { } endPoint
            ? new RunAddress(endPoint, new Target { Incarnation = incarnation, ProcessId = (uint)holder.ProcessId }, directory, isSecure)
            : throw new InvalidInputException($"The run in {directory} is on {holder.Host}, at {text}: run the command there.");
    }
}
