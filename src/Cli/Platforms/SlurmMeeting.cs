using System.Net;
using DistTrain.Cli.Options;
using DistTrain.Core;
using DistTrain.Transport;

namespace DistTrain.Cli.Platforms;

/// <summary>Where the tasks of a step meet: task 0 hosts the coordinator there, the others look for it. All tasks find the same, because all have the same variables and options.</summary>
/// <param name="Listen">Where task 0 listens.</param>
/// <param name="Coordinator">Where the others find it.</param>
/// <param name="IsSecure">Whether peers show certificates.</param>
/// <param name="Place">What it follows from, for messages.</param>
public sealed record SlurmMeeting(EndPoint Listen, EndPoint Coordinator, bool IsSecure, string Place)
{
    private const string Loopback = "127.0.0.1";
    private const string Anywhere = "0.0.0.0";

    /// <summary>On one node loopback, in clear. On several all addresses of the first node, with certificates unless <c>--insecure</c>. <c>--listen</c> says otherwise.</summary>
    /// <exception cref="InvalidInputException">Others could not reach it, or cannot show who they are.</exception>
    public static SlurmMeeting Of(SlurmStep step, SettingValues values)
    {
        var nodes = step.Nodes();
        var isGiven = values.Origin(CommonOptions.Listen) > SettingOrigin.Platform;
        var listen = isGiven
            ? values.Get(CommonOptions.Listen, new DnsEndPoint(Loopback, 0))
            : new DnsEndPoint(nodes.Count == 1 ? Loopback : Anywhere, step.Port());
        var place = isGiven ? values.Place(CommonOptions.Listen) : $"{step.NodesVariable} and {step.JobVariable}";
        var isLocal = listen is not DnsEndPoint { Host: var host } || IsLoopback(host);
        if (isLocal && nodes.Count > 1)
        {
            throw new InvalidInputException(
                $"{place} is {CoordinatorAddress.Text(listen)}, which no other node reaches, but this step has {nodes.Count} ({step.NodesVariable}). Give an address of {nodes[0]}, where task 0 is, or leave it out.");
        }

        if (listen is DnsEndPoint { Port: 0 })
        {
            throw new InvalidInputException($"{place} has port 0, any free one, which the other tasks cannot know. Name a port, or leave it out.");
        }

        var tls = values.Get(CommonOptions.Tls, false);
        var meeting = new SlurmMeeting(listen, Reachable(listen, nodes), tls || (!isLocal && !values.Get(CommonOptions.Insecure, false)), place);
        if (meeting.IsSecure)
        {
            RequireCredentials(values, tls ? $"{values.Place(CommonOptions.Tls)} asks for certificates" : $"The coordinator listens beyond one machine ({CoordinatorAddress.Text(listen)}) and asks for certificates");
        }

        return meeting;
    }

    private static void RequireCredentials(SettingValues values, string why)
    {
        var missing = new List<string>();
        if (!values.Has(CommonOptions.Token) && !values.Has(CommonOptions.TokenFile))
        {
            missing.Add(CommonOptions.Token.Variable);
        }

        if (!values.Has(CommonOptions.AuthorityHash))
        {
            missing.Add(CommonOptions.AuthorityHash.Variable);
        }

        if (missing.Count > 0)
        {
            throw new InvalidInputException(
                $"{why}, but {string.Join(" and ", missing)} {(missing.Count == 1 ? "is" : "are")} not set. Set them before srun from 'disttrain token create --json', as deploy/slurm/train.sbatch does, or give --insecure if the network is private.");
        }
    }

    /// <summary>"Any address" is nothing to connect to.</summary>
    private static EndPoint Reachable(EndPoint listen, IReadOnlyList<string> nodes) =>
        listen is DnsEndPoint any && IPAddress.TryParse(any.Host, out var address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            ? new DnsEndPoint(nodes.Count == 1 ? Loopback : nodes[0], any.Port)
            : listen;

    private static bool IsLoopback(string host) => host == "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
