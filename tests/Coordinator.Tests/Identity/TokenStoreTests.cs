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

        Assert.Null(identity.Tokens.Redeem(token, "a", Now + TimeSpan.FromMinutes(59)));
        Assert.Contains("expired 5 min ago", identity.Tokens.Redeem(token, "a", Now + TimeSpan.FromMinutes(65)), StringComparison.Ordinal);
    }

    [Fact]
    public void Token_OfFewUses_GetsSoManyIn()
    {
        using var identity = IdentityDirectory.Open(_directory, Now);
        var token = identity.Tokens.Create(Now, TimeSpan.FromHours(1), uses: 2);
        // Another process has the same directory.
        using var other = IdentityDirectory.Open(_directory, Now);

        Assert.Null(identity.Tokens.Redeem(token, "a", Now));
        Assert.Equal(1, other.Tokens.List().Single().UsesLeft);
        Assert.Null(other.Tokens.Redeem(token, "b", Now));
        Assert.Contains("used up", identity.Tokens.Redeem(token, "c", Now), StringComparison.Ordinal);
        // Who did not hear the answer.
        Assert.Null(identity.Tokens.Redeem(token, "a", Now));
        Assert.Null(identity.Tokens.Redeem(token, "b", Now));
        Assert.False(identity.Tokens.List().Single().IsOpen(Now));
    }

    [Fact]
    public void Token_RedeemedByMany_CountsEachOnce()
    {
        const int Uses = 5;
        using var identity = IdentityDirectory.Open(_directory, Now);
        var token = identity.Tokens.Create(Now, TimeSpan.FromHours(1), Uses);
        var admitted = 0;
        Parallel.For(0, 4 * Uses, i =>
        {
            if (identity.Tokens.Redeem(token, $"{i}", Now) is null)
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

        Assert.Contains("was revoked", identity.Tokens.Redeem(token, "a", Now), StringComparison.Ordinal);
        Assert.True(identity.Tokens.IsRevoked(token.Id));
        Assert.Throws<InvalidInputException>(() => identity.Tokens.Revoke("../authority", Now));
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
        identity.Tokens.Redeem(old, "a", Now);
        var young = identity.Tokens.Create(Now + TimeSpan.FromDays(30), TimeSpan.FromHours(1));

        Assert.Equal([young.Id], identity.Tokens.List().Select(token => token.Id));
        Assert.Empty(Directory.EnumerateFiles(_directory, $"*{old.Id}*"));
    }

    /// <summary>A worker renews its certificate as often as it likes, long after its token has expired: it must be possible to send it away, for good.</summary>
    [Fact]
    public void Revocation_OfATokenLongExpired_HoldsForEver()
    {
        using var identity = IdentityDirectory.Open(_directory, Now);
        var (revokedBefore, revokedAfter) = (identity.Tokens.Create(Now, TimeSpan.FromHours(1)), identity.Tokens.Create(Now, TimeSpan.FromHours(1)));
        identity.Tokens.Revoke(revokedBefore.Id, Now);

        var later = Now + TimeSpan.FromDays(30);
        identity.Tokens.Create(later, TimeSpan.FromHours(1));
        Assert.False(identity.Tokens.Revoke(revokedAfter.Id, later));
        identity.Tokens.Create(later + TimeSpan.FromDays(30), TimeSpan.FromHours(1));

        Assert.True(identity.Tokens.IsRevoked(revokedBefore.Id));
        Assert.True(identity.Tokens.IsRevoked(revokedAfter.Id));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("""{"id":"ID","hash":"zz","createdUtc":"2026-03-01T00:00:00Z","expiresUtc":"2036-03-01T00:00:00Z"}""")]
    [InlineData("""{"id":"ID","hash":"HASH","createdUtc":"2026-03-01T00:00:00Z","expiresUtc":"2036-03-01T00:00:00Z","uses":-1}""")]
    [InlineData("""{"id":"ID","hash":"HASH","createdUtc":"2026-03-01T00:00:00Z","expiresUtc":"2036-03-01T00:00:00Z","uses":2000000000}""")]
    [InlineData("""{"id":"00000000","hash":"HASH","createdUtc":"2026-03-01T00:00:00Z","expiresUtc":"2036-03-01T00:00:00Z"}""")]
    public void Record_Damaged_GetsNobodyInAndIsNamed(string text)
    {
        using var identity = IdentityDirectory.Open(_directory, Now);
        var token = identity.Tokens.Create(Now, TimeSpan.FromHours(1));
        var file = Path.Combine(_directory, $"token-{token.Id}.json");
        PrivateFile.Write(file, text.Replace("ID", token.Id, StringComparison.Ordinal).Replace("HASH", Convert.ToHexStringLower(token.Hash()), StringComparison.Ordinal));

        Assert.Contains(file, Assert.Throws<InvalidInputException>(() => identity.Tokens.Redeem(token, "a", Now)).Message, StringComparison.Ordinal);
        Assert.Contains(file, Assert.Throws<InvalidInputException>(() => identity.Tokens.List()).Message, StringComparison.Ordinal);
    }

    /// <summary>As with a secret that an engine has mounted, a year later: who has a token or a certificate gets in, and the run starts.</summary>
    [Fact]
    public void Directory_ThatCannotBeWrittenTo_OpensForYears()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "Root writes to everything; Windows has no such modes.");
#pragma warning disable CA1416 // Skipped on Windows.
        var year = TimeSpan.FromDays(345);
        JoinToken forgotten, open;
        using (var identity = IdentityDirectory.Open(_directory, Now))
        {
            (forgotten, open) = (identity.Tokens.Create(Now, TimeSpan.FromHours(1)), identity.Tokens.Create(Now, 2 * year));
        }

        File.SetUnixFileMode(_directory, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            using var again = IdentityDirectory.Open(_directory, Now + year);
            Assert.NotNull(again.WithoutOperator);
            Assert.Null(again.Tokens.Redeem(open, "a", Now + year));
            Assert.Contains("expired", again.Tokens.Redeem(forgotten, "a", Now + year), StringComparison.Ordinal);
            Assert.Throws<InvalidInputException>(() => again.Tokens.Create(Now + year, TimeSpan.FromHours(1)));
        }
        finally
        {
            File.SetUnixFileMode(_directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
#pragma warning restore CA1416
    }

    /// <summary>The run needs no operator's certificate: it starts, and says what will be missing.</summary>
    [Fact]
    public void Operator_ThatCannotBeMade_IsSaidAndTheRestWorks()
    {
        IdentityDirectory.Open(_directory, Now).Dispose();
        var file = Path.Combine(_directory, IdentityDirectory.OperatorFile);
        File.Delete(file);
        // Nothing can be moved over it.
        Directory.CreateDirectory(Path.Combine(file, "in the way"));

        using var identity = IdentityDirectory.Open(_directory, Now);

        Assert.Contains(file, identity.WithoutOperator, StringComparison.Ordinal);
        Assert.Null(identity.Tokens.Redeem(identity.Tokens.Create(Now, TimeSpan.FromHours(1)), "a", Now));
    }

    [Fact]
    public void Directory_ThatEverybodyCanWriteTo_IsRefused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows' directories have no such modes.");
        IdentityDirectory.Open(_directory, Now).Dispose();
#pragma warning disable CA1416 // Skipped on Windows.
        File.SetUnixFileMode(_directory, File.GetUnixFileMode(_directory) | UnixFileMode.OtherWrite);
#pragma warning restore CA1416

        var error = Assert.Throws<InvalidInputException>(() => IdentityDirectory.Open(_directory, Now));
        Assert.Contains($"chmod 700 {_directory}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Directory_ThatIsNotThere_IsNotMadeByALook()
    {
        var error = Assert.Throws<InvalidInputException>(() => IdentityDirectory.OpenExisting(_directory, Now));
        Assert.Contains(_directory, error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory));
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
