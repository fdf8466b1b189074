using System.Net;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Identity;
using DistTrain.Transport.Identity;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Cli.Tests.Verbs;

/// <summary>Tokens as users make, see and take them back, and what they and an operator's certificate are good for.</summary>
public sealed class TokenVerbTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Token_Made_IsListedWithoutItsSecretAndTakenBack()
    {
        Assert.Equal(0, await _command.RunAsync("token", "create", "--identity", "identity", "--valid", "2h", "--uses", "3", "--coordinator", "box:29500", "--json"));
        var (id, token, line) = (Text("id"), Text("token"), Text("joinLine"));
        Assert.Equal($"disttrain worker --coordinator box:29500 --token {token} --ca-hash {Text("caHash")}", line);

        Assert.Equal(0, await _command.RunAsync("token", "list", "--identity", "identity"));
        Assert.Contains($"{id}  open", _command.Output, StringComparison.Ordinal);
        Assert.Contains("3 uses left", _command.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(token, _command.Output, StringComparison.Ordinal);

        Assert.Equal(0, await _command.RunAsync("token", "revoke", id, "--identity", "identity"));
        Assert.Equal(0, await _command.RunAsync("token", "list", "--identity", "identity"));
        Assert.Contains($"{id}  revoked", _command.Output, StringComparison.Ordinal);

        string Text(string name) => _command.Last.GetProperty(name).GetString()!;
    }

    /// <summary>A look, or a mistyped directory, makes no second authority.</summary>
    [Theory]
    [InlineData("token", "list")]
    [InlineData("token", "revoke", "01234567")]
    public async Task Directory_ThatIsNotThere_IsNamedAndNotMade(params string[] verb)
    {
        Assert.Equal(2, await _command.RunAsync([.. verb, "--identity", "nowhere"]));
        Assert.Contains(_command.File("nowhere"), _command.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_command.File("nowhere")));
    }

    [Fact]
    public async Task Revocation_OfATokenThatIsNotListed_HoldsAndIsSaid()
    {
        Assert.Equal(0, await _command.RunAsync("token", "create", "--identity", "identity"));
        Assert.Equal(0, await _command.RunAsync("token", "revoke", "01234567", "--identity", "identity"));
        Assert.Contains("No token of that id is listed", _command.Error, StringComparison.Ordinal);
        using var identity = IdentityDirectory.OpenExisting(_command.File("identity"), DateTimeOffset.UtcNow);
        Assert.True(identity.Tokens.IsRevoked("01234567"));
    }

    [Fact]
    public async Task TokenFile_ThatOthersCanRead_IsRefused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows' files have no such modes.");
        PrivateFile.Write(_command.File("token"), JoinToken.Create().Reveal());
#pragma warning disable CA1416 // Skipped on Windows.
        File.SetUnixFileMode(_command.File("token"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
#pragma warning restore CA1416
        Assert.Equal(2, await _command.RunAsync("worker", "--coordinator", "127.0.0.1:1", "--token-file", "token", "--ca-hash", $"sha256:{new string('0', 64)}"));
        Assert.Contains("chmod 600", _command.Error, StringComparison.Ordinal);
    }

    /// <summary>Over TLS: who has the operator's certificate is told how the run stands; a worker reads its token from a file.</summary>
    [Fact]
    public async Task Run_OverTls_IsHealthyAndTakesAWorkerWithATokenFile()
    {
        using var identity = IdentityDirectory.Open(_command.File("identity"), DateTimeOffset.UtcNow);
        var options = new CoordinatorOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0), Identity = identity };
        await using var run = await CoordinatorRun.StartAsync(SmallRun.Spec, SmallRun.Digits, options, null, null, NullLoggerFactory.Instance);

        Assert.Equal(0, await _command.RunAsync("health", "--coordinator", run.Address, "--tls", "--identity", "identity"));
        Assert.Equal(2, await _command.RunAsync("health", "--coordinator", run.Address, "--tls", "--identity", "nowhere"));
        Assert.Contains("operator.pem", _command.Error, StringComparison.Ordinal);

        PrivateFile.Write(_command.File("token"), identity.Tokens.Create(DateTimeOffset.UtcNow, TimeSpan.FromHours(1)).Reveal() + "\n");
        Assert.Equal(0, await _command.RunAsync(
            "worker", "--coordinator", run.Address, "--token-file", "token", "--ca-hash", identity.Authority.Hash, "--certificate", "worker.pem", "--start-timeout", "60"));
        await run.Completion.WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken);
        using var kept = PeerCredentials.Load(_command.File("worker.pem"));
        Assert.Equal(PeerRole.Worker, PeerIdentity.Of(kept.Certificate)!.Role);
    }
}
