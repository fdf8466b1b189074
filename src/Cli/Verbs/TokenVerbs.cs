using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Operating;
using DistTrain.Cli.Options;
using DistTrain.Coordinator.Identity;
using DistTrain.Core;
using DistTrain.Transport;

namespace DistTrain.Cli.Verbs;

/// <summary>A verb on the tokens that a coordinator of this user gives; it works whether one runs or not.</summary>
public abstract class TokenVerb : Verb
{
    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        Check(call);
        var (path, now) = (IdentityPlace.Find(call), call.Surroundings.Time.GetUtcNow());
        using var identity = MakesIdentity ? IdentityDirectory.Open(path, now) : IdentityDirectory.OpenExisting(path, now);
        Change(call, identity);
        await call.Surroundings.Output.FlushAsync().ConfigureAwait(false);
        return ExitCode.Done;
    }

    /// <summary>Whether it may be the first to use a directory.</summary>
    private protected virtual bool MakesIdentity => false;

    /// <summary>Checks what can be checked before anything is made.</summary>
    private protected virtual void Check(VerbCall call)
    {
    }

    private protected abstract void Change(VerbCall call, IdentityDirectory identity);
}

/// <summary><c>token create</c></summary>
public sealed partial class TokenCreateVerb : TokenVerb
{
    /// <inheritdoc/>
    public override string Name => "token create";

    /// <inheritdoc/>
    public override string Help => "Make a token that gets workers in, and print the line by which they join.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("token create --valid 12h --uses 4", "for four workers, till tonight")];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
        [CommonOptions.TokenLifetime, CommonOptions.TokenUses, CommonOptions.TokenAddress, CommonOptions.Identity, CommonOptions.Json];

    private protected override bool MakesIdentity => true;

    private protected override void Check(VerbCall call)
    {
        call.Values.Get(CommonOptions.TokenLifetime, TokenStore.DefaultLifetime);
        call.Values.Find(CommonOptions.TokenUses);
        call.Values.Get(CommonOptions.TokenAddress, new DnsEndPoint(Environment.MachineName, CommonOptions.DefaultPort));
    }

    private protected override void Change(VerbCall call, IdentityDirectory identity)
    {
        var values = call.Values;
        var now = call.Surroundings.Time.GetUtcNow();
        var lifetime = values.Get(CommonOptions.TokenLifetime, TokenStore.DefaultLifetime);
        var address = CoordinatorAddress.Text(values.Get(CommonOptions.TokenAddress, new DnsEndPoint(Environment.MachineName, CommonOptions.DefaultPort)));
        var token = identity.Tokens.Create(now, lifetime, values.Find(CommonOptions.TokenUses));
        var line = IdentityPlace.JoinLine(address, token, identity.Authority.Hash);
        call.Surroundings.Output.WriteLine(values.Get(CommonOptions.Json, false)
            ? JsonSerializer.Serialize(new Created("token", token.Id, token.Reveal(), identity.Authority.Hash, now + lifetime, line), CreatedJson.Default.Created)
            : line);
    }

    private sealed record Created(string Event, string Id, string Token, string CaHash, DateTimeOffset ExpiresUtc, string JoinLine);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(Created))]
    private sealed partial class CreatedJson : JsonSerializerContext;
}

/// <summary><c>token list</c></summary>
public sealed class TokenListVerb : TokenVerb
{
    /// <inheritdoc/>
    public override string Name => "token list";

    /// <inheritdoc/>
    public override string Help => "List the tokens, without their secrets, and the authority's hash.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("token list", "what is open, used up or revoked")];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [CommonOptions.Identity];

    private protected override void Change(VerbCall call, IdentityDirectory identity)
    {
        var output = call.Surroundings.Output;
        var now = call.Surroundings.Time.GetUtcNow();
        output.WriteLine($"authority {identity.Authority.Hash} in {identity.Path}");
        foreach (var token in identity.Tokens.List())
        {
            var state = token.IsRevoked ? "revoked"
                : token.IsOpen(now) ? "open"
                : now >= token.ExpiresUtc ? "expired" : "used up";
            var uses = token.UsesLeft is { } left ? $", {left.ToString(CultureInfo.InvariantCulture)} uses left" : "";
            output.WriteLine($"{token.Id}  {state}, made {Text(token.CreatedUtc)}, good until {Text(token.ExpiresUtc)}{uses}");
        }
    }

    private static string Text(DateTimeOffset time) => time.ToString("u", CultureInfo.InvariantCulture);
}

/// <summary><c>token revoke ID</c></summary>
public sealed class TokenRevokeVerb : TokenVerb
{
    /// <inheritdoc/>
    public override string Name => "token revoke";

    /// <inheritdoc/>
    public override string Help => "Let a token get nobody in any more, and send away the workers that came by it.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("token revoke 0123abcd", "the id is in the list")];

    /// <inheritdoc/>
    public override string? ArgumentName => "ID";

    /// <inheritdoc/>
    public override string ArgumentHelp => "The token's, as 'disttrain token list' shows it.";

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [CommonOptions.Identity];

    private protected override void Change(VerbCall call, IdentityDirectory identity)
    {
        // The whole token is a way to name it too.
        var id = Transport.Identity.JoinToken.TryParse(call.Argument)?.Id ?? call.Argument;
        var isListed = identity.Tokens.Revoke(id, call.Surroundings.Time.GetUtcNow());
        call.Surroundings.Output.WriteLine($"Token {id} is revoked. A coordinator that runs sends the workers away that came by it within seconds.");
        if (!isListed)
        {
            call.Surroundings.Tell($"No token of that id is listed in {identity.Path}: it expired some time ago, or was given elsewhere.");
        }
    }
}
