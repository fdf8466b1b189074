using System.Net;
using DistTrain.Cli.Data;
using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;
using DistTrain.Coordinator.Identity;
using DistTrain.Core;
using DistTrain.Transport;
using DistTrain.Transport.Identity;

namespace DistTrain.Cli.Operating;

/// <summary>Where a user keeps who may join and steer its runs, and the line by which workers join.</summary>
public static class IdentityPlace
{
    /// <summary>What <c>--identity</c> says, or the user's own place.</summary>
    public static string Find(VerbCall call) =>
        call.Surroundings.Resolve(call.Values.FindText(CommonOptions.Identity) ?? Path.Combine(UserConfiguration.Directory(call.Surroundings.Variable, OperatingSystem.IsWindows()), "identity"));

    /// <summary>Who a coordinator is, where peers must show who they are: beyond this machine, unless <c>--insecure</c>, and with <c>--tls</c>. Else null.</summary>
    /// <exception cref="InvalidInputException">The options contradict each other, or what is kept cannot be used.</exception>
    public static IdentityDirectory? OfCoordinator(VerbCall call, EndPoint listen)
    {
        var values = call.Values;
        var (tls, insecure) = (values.Get(CommonOptions.Tls, false), values.Get(CommonOptions.Insecure, false));
        if (tls && insecure)
        {
            throw new InvalidInputException($"{values.Place(CommonOptions.Tls)} and {values.Place(CommonOptions.Insecure)} contradict each other; give one of the two.");
        }

        if (tls && listen is not IPEndPoint)
        {
            throw new InvalidInputException($"{values.Place(CommonOptions.Tls)} goes with --listen HOST:PORT: {CoordinatorAddress.Text(listen)} is for this user alone.");
        }

        return tls || (!insecure && listen is IPEndPoint network && !IPAddress.IsLoopback(network.Address))
            ? IdentityDirectory.Open(Find(call), call.Surroundings.Time.GetUtcNow())
            : null;
    }

    /// <summary>Prints the line by which workers join; to the terminal alone, because it is a secret. Where an earlier token is still good, it says so instead.</summary>
    public static void Greet(VerbCall call, IdentityDirectory identity, EndPoint listen)
    {
        if (identity.WithoutOperator is { } without)
        {
            call.Surroundings.Tell(without);
        }

        var now = call.Surroundings.Time.GetUtcNow();
        if (identity.Tokens.List().Count(token => token.IsOpen(now)) is > 0 and var open)
        {
            call.Surroundings.Tell($"Workers join by a token given earlier ({open} still good; authority {identity.Authority.Hash}). 'disttrain token create' makes another.");
            return;
        }

        JoinToken token;
        try
        {
            token = identity.Tokens.Create(now, TokenStore.DefaultLifetime);
        }
        catch (InvalidInputException e)
        {
            // A secret that an engine has mounted: workers that have a certificate go on, and new ones need a token made elsewhere.
            call.Surroundings.Tell($"No token is open, and none can be made here ({e.Message}): make one with 'disttrain token create' where {identity.Path} can be written to.");
            return;
        }

        call.Surroundings.Tell($"Workers join with the line below, for {TokenStore.DefaultLifetime.TotalHours:0} hours; whoever has it can join:");
        call.Surroundings.Tell(JoinLine(Advertised(listen), token, identity.Authority.Hash));
    }

    /// <summary>What an operator shows.</summary>
    /// <exception cref="InvalidInputException">There is none here.</exception>
    public static PeerCredentials OperatorCredentials(VerbCall call, RunAddress address)
    {
        var file = Path.Combine(Find(call), IdentityDirectory.OperatorFile);
        return File.Exists(file)
            ? PeerCredentials.Load(file)
            : throw new InvalidInputException(
                $"The run at {address} shows itself to operators only, and {file} is not there: run the command as the coordinator's user, copy the file from its machine (it is a secret), or name its directory with --identity DIR.");
    }

    /// <summary>What to paste on a worker's machine.</summary>
    public static string JoinLine(string address, JoinToken token, string authorityHash) => JoinLine(address, token.Reveal(), authorityHash);

    /// <summary>The same for all to see, with the word TOKEN where one has to be.</summary>
    /// <param name="address">Where the coordinator is found.</param>
    /// <param name="authorityHash">Of its authority; null if it takes workers without.</param>
    public static string JoinLine(string address, string? authorityHash) =>
        authorityHash is null ? $"disttrain worker --coordinator {address}" : JoinLine(address, "TOKEN", authorityHash);

    private static string JoinLine(string address, string token, string authorityHash) =>
        $"disttrain worker --coordinator {address} --token {token} --ca-hash {authorityHash}";

    /// <summary>An address as others can use it: "any" is this host.</summary>
    public static string Advertised(EndPoint listen) => listen is IPEndPoint network && (network.Address.Equals(IPAddress.Any) || network.Address.Equals(IPAddress.IPv6Any))
        ? FormattableString.Invariant($"{Environment.MachineName}:{network.Port}")
        : CoordinatorAddress.Text(listen);
}
