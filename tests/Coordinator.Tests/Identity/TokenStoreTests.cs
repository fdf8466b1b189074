using DistTrain.Coordinator.Identity;
using DistTrain.Core;
using DistTrain.Transport.Identity;

namespace DistTrain.Coordinator.Tests.Identity;

/// <summary>Tokens and the directory they are in.</summary>
public sealed class TokenStoreTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly string _directory = Path.Combine(Directory.CreateTempSubdirectory("disttrain-tokens-").FullName, "identity");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_directory)!, recursive: true);

    [Fact]
    public void Token_ByTime_IsOpenUntilItExpires()
    {
        using var identity = IdentityDirectory.Open(_directory, Now);
        var token = identity.Tokens.Create(Now, TimeSpan.FromHours(1));

        Assert.Null(identity.Tokens.Redeem(token, Now + TimeSpan.FromMinutes(59)));
        Assert.Contains("expired 5 min ago", identity.Tokens.Redeem(token, Now + TimeSpan.FromMinutes(65)), StringComparison.Ordinal);
    }

    [Fact]
    public void Token_OfFewUses_GetsSoManyIn()
    {
        using var identity = IdentityDirectory.Open(_directory, Now);
        var token = identity.Tokens.Create(Now, TimeSpan.FromHours(1), uses: 2);
        // Another process has the same directory.
        using var other = IdentityDirectory.Open(_directory, Now);

        Assert.Null(identity.Tokens.Redeem(token, Now));
        Assert.Equal(1, other.Tokens.List().Single().UsesLeft);
        Assert.Null(other.Tokens.Redeem(token, Now));
        Assert.Contains("used up", identity.Tokens.Redeem(token, Now), StringComparison.Ordinal);
        Assert.False(identity.Tokens.List().Single().IsOpen(Now));
    }

    [Fact]
    public void Token_RedeemedByMany_CountsEachOnce()
    {
        const int Uses = 5;
        using var identity = IdentityDirectory.Open(_directory, Now);
        var token = identity.Tokens.Create(Now, TimeSpan.FromHours(1), Uses);
        var admitted = 0;
        Parallel.For(0, 4 * Uses, _ =>
        {
            if (identity.Tokens.Redeem(token, Now) is null)
            {
                Interlocked.Increment(ref admitted);
            }
        });

        Assert.Equal(Uses, admitted);
    }

    [Fact]
    public void Revoked_TokenAndThoseWhoCameByIt_AreRefused()
    {
        using var identity = IdentityDirectory.Open(_directory, Now);
        var token = identity.Tokens.Create(Now, TimeSpan.FromHours(1));
        Assert.False(identity.Tokens.IsRevoked(token.Id));

        Assert.True(identity.Tokens.Revoke(token.Id, Now));
        Assert.True(identity.Tokens.Revoke(token.Id, Now));

        Assert.Contains("was revoked", identity.Tokens.Redeem(token, Now), StringComparison.Ordinal);
        Assert.True(identity.Tokens.IsRevoked(token.Id));
        Assert.False(identity.Tokens.Revoke("00000000", Now));
        Assert.False(identity.Tokens.Revoke("../authority", Now));
    }

    [Fact]
    public void Token_OnDisk_IsNowhere()
    {
        using var identity = IdentityDirectory.Open(_directory, Now);
        var token = identity.Tokens.Create(Now, TimeSpan.FromHours(1));
        var secret = token.Reveal().Split('.')[2];

        Assert.All(Directory.EnumerateFiles(_directory), file => Assert.DoesNotContain(secret, File.ReadAllText(file), StringComparison.Ordinal));
        Assert.DoesNotContain(secret, token.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Tokens_LongExpired_AreForgottenWhenOneIsMade()
    {
        using var identity = IdentityDirectory.Open(_directory, Now);
        var old = identity.Tokens.Create(Now, TimeSpan.FromHours(1), uses: 1);
        identity.Tokens.Redeem(old, Now);
        identity.Tokens.Revoke(old.Id, Now);
        var young = identity.Tokens.Create(Now + TimeSpan.FromDays(30), TimeSpan.FromHours(1));

        Assert.Equal([young.Id], identity.Tokens.List().Select(token => token.Id));
        Assert.Empty(Directory.EnumerateFiles(_directory, $"*{old.Id}*"));
    }

    [Fact]
    public void Directory_OpenedAgain_IsTheSameAuthority()
    {
        using var first = IdentityDirectory.Open(_directory, Now);
        var operatorFile = Path.Combine(_directory, IdentityDirectory.OperatorFile);
        var before = File.ReadAllText(operatorFile);
        using var second = IdentityDirectory.Open(_directory, Now + TimeSpan.FromDays(100));
        Assert.Equal(first.Authority.Hash, second.Authority.Hash);
        Assert.Equal(before, File.ReadAllText(operatorFile));

        // In the operator's last month there is a new one.
        using var third = IdentityDirectory.Open(_directory, Now + TimeSpan.FromDays(340));
        Assert.Equal(first.Authority.Hash, third.Authority.Hash);
        Assert.NotEqual(before, File.ReadAllText(operatorFile));
    }

    [Fact]
    public void Directory_OfOthers_IsRefused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows' files have no such modes.");
        IdentityDirectory.Open(_directory, Now).Dispose();
        var file = Path.Combine(_directory, IdentityDirectory.AuthorityFile);
#pragma warning disable CA1416 // Skipped on Windows.
        Assert.All(Directory.EnumerateFiles(_directory), each => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(each)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_directory));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.OtherRead);
#pragma warning restore CA1416

        var error = Assert.Throws<InvalidInputException>(() => IdentityDirectory.Open(_directory, Now));
        Assert.Contains($"chmod 600 {file}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(IdentityDirectory.AuthorityFile)]
    [InlineData(IdentityDirectory.OperatorFile)]
    public void Directory_WithADamagedFile_NamesIt(string name)
    {
        IdentityDirectory.Open(_directory, Now).Dispose();
        var file = Path.Combine(_directory, name);
        PrivateFile.Write(file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");

        var error = Assert.Throws<InvalidInputException>(() => IdentityDirectory.Open(_directory, Now));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }
}
