using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DistTrain.Core;
using DistTrain.Transport.Identity;

namespace DistTrain.Transport.Tests.Identity;

/// <summary>Whom the authority's certificates let in, and what they say.</summary>
public sealed class CertificateTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly PeerIdentity Worker = new(PeerRole.Worker, "0123", "abcd");
    private readonly CertificateAuthority _authority = CertificateAuthority.Create(Now);

    public void Dispose() => _authority.Dispose();

    [Theory]
    [InlineData(PeerRole.Worker, "abcd")]
    [InlineData(PeerRole.Operator, "")]
    [InlineData(PeerRole.Coordinator, "")]
    public void Issued_SaysWhoseItIs(PeerRole role, string token)
    {
        var identity = new PeerIdentity(role, "name", token);
        using var certificate = _authority.IssueWithKey(identity, Now, TimeSpan.FromHours(24));

        Assert.Equal(new CertificateVerdict(identity, true, ""), CertificateRules.Judge(certificate, _authority.Certificate, Now));
        Assert.True(certificate.HasPrivateKey);
    }

    [Fact]
    public void Issued_OfAnotherAuthority_IsNotOurs()
    {
        using var other = CertificateAuthority.Create(Now);
        using var certificate = other.IssueWithKey(Worker, Now, TimeSpan.FromHours(24));
        Assert.Equal((null, false), (CertificateRules.Judge(certificate, _authority.Certificate, Now) is var verdict ? verdict.Identity : null, verdict.IsOurs));
    }

    /// <summary>It bears our authority's name, and a key of its own.</summary>
    [Fact]
    public void Authority_Imitated_IsNotOurs()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(_authority.Certificate.SubjectName, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        using var imitated = request.CreateSelfSigned(Now - TimeSpan.FromHours(1), Now + TimeSpan.FromDays(1));
        using var leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = new CertificateRequest(Worker.ToSubject(), leafKey, HashAlgorithmName.SHA256).Create(imitated, Now, Now + TimeSpan.FromHours(1), [1]);

        Assert.False(CertificateRules.Judge(leaf, _authority.Certificate, Now).IsOurs);
        Assert.False(CertificateRules.Judge(imitated, _authority.Certificate, Now).IsOurs);
    }

    /// <summary>What a worker signs with its certificate is nothing to anybody.</summary>
    [Fact]
    public void Worker_AsAuthority_IsNotOurs()
    {
        using var worker = _authority.IssueWithKey(Worker, Now, TimeSpan.FromHours(24));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(new PeerIdentity(PeerRole.Operator, "me", "").ToSubject(), key, HashAlgorithmName.SHA256);
        using var forged = request.Create(worker.SubjectName, X509SignatureGenerator.CreateForECDsa(worker.GetECDsaPrivateKey()!), Now, Now + TimeSpan.FromHours(1), [1]);

        Assert.False(CertificateRules.Judge(forged, _authority.Certificate, Now).IsOurs);
    }

    [Fact]
    public void OutOfTime_NamesBothTimesAndTheDifference()
    {
        using var certificate = _authority.IssueWithKey(Worker, Now, TimeSpan.FromHours(24));

        var late = CertificateRules.Judge(certificate, _authority.Certificate, Now + TimeSpan.FromHours(27));
        Assert.Equal((null, true), (late.Identity, late.IsOurs));
        Assert.Equal(
            "its certificate ended at 2026-03-02 12:00:00Z, which by this machine's clock, 2026-03-02 15:00:00Z, was 3 h ago: join with a new token, or set the clocks right", late.Reason);

        var early = CertificateRules.Judge(certificate, _authority.Certificate, Now - TimeSpan.FromMinutes(75));
        Assert.Equal((null, true), (early.Identity, early.IsOurs));
        Assert.Contains("begins at 2026-03-01 11:00:00Z, which by this machine's clock, 2026-03-01 10:45:00Z, is in 15 min", early.Reason, StringComparison.Ordinal);

        // A clock that is slow by less than an hour is no reason.
        Assert.NotNull(CertificateRules.Judge(certificate, _authority.Certificate, Now - TimeSpan.FromMinutes(55)).Identity);
    }

    [Fact]
    public void Server_OfTheRoleCoordinatorOnly_IsTalkedTo()
    {
        using var server = _authority.IssueWithKey(new PeerIdentity(PeerRole.Coordinator, "c", ""), Now, TimeSpan.FromHours(1));
        using var worker = _authority.IssueWithKey(Worker, Now, TimeSpan.FromHours(1));

        Assert.Null(PeerCredentials.RefuseServer(server, _authority.Certificate, Now));
        Assert.Equal("it shows the certificate of a worker, not a coordinator's", PeerCredentials.RefuseServer(worker, _authority.Certificate, Now));
        Assert.Equal("it shows no certificate", PeerCredentials.RefuseServer(null, _authority.Certificate, Now));
    }

    [Fact]
    public void Request_GivesItsKeyAndNothingElse()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var wish = new CertificateRequest(new PeerIdentity(PeerRole.Operator, "root", "").ToSubject(), key, HashAlgorithmName.SHA256);
        wish.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));

        using var certificate = _authority.Issue(CertificateAuthority.ReadRequest(wish.CreateSigningRequest()), Worker, Now, TimeSpan.FromHours(24));

        Assert.Equal(Worker, PeerIdentity.Of(certificate));
        Assert.False(certificate.Extensions.OfType<X509BasicConstraintsExtension>().Single().CertificateAuthority);
        Assert.Equal(key.ExportSubjectPublicKeyInfo(), certificate.PublicKey.ExportSubjectPublicKeyInfo());
    }

    [Fact]
    public void Request_DamagedOrOfAnotherKind_IsRefused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = CertificateAuthority.Request(key);
        for (var i = 0; i < request.Length; i++)
        {
            var damaged = (byte[])request.Clone();
            damaged[i] ^= 1;
            // Its signature covers all of it that counts.
            Assert.Throws<InvalidInputException>(() => CertificateAuthority.ReadRequest(damaged));
        }

        using var rsa = RSA.Create(2048);
        var other = new CertificateRequest("CN=x", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSigningRequest();
        Assert.Throws<InvalidInputException>(() => CertificateAuthority.ReadRequest(other));
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        Assert.Throws<InvalidInputException>(() => CertificateAuthority.ReadRequest(CertificateAuthority.Request(p384)));
    }

    [Fact]
    public void Authority_WrittenAndRead_IsTheSame()
    {
        using var again = CertificateAuthority.Load(_authority.ToPem());
        Assert.Equal(_authority.Hash, again.Hash);
        Assert.True(CertificateRules.IsHash(again.Hash));
        using var certificate = again.IssueWithKey(Worker, Now, TimeSpan.FromHours(1));
        Assert.NotNull(CertificateRules.Judge(certificate, _authority.Certificate, Now).Identity);
    }

    [Theory]
    [InlineData("")]
    [InlineData("dt1")]
    [InlineData("dt1.0123abcd.")]
    [InlineData("dt1.0123abcd.AAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("dt1.0123abcd.AAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("dt1.0123ABCD.AAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("dt1.../passwd.AAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("dt2.0123abcd.AAAAAAAAAAAAAAAAAAAAAA")]
    public void Token_Malformed_IsNone(string text)
    {
        Assert.Null(JoinToken.TryParse(text));
        Assert.DoesNotContain("AAAA", Assert.Throws<InvalidInputException>(() => JoinToken.Parse(text, "--token")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Token_Pasted_IsTheSame()
    {
        var token = JoinToken.Create();
        var read = JoinToken.TryParse($" {token.Reveal()}\n")!;
        Assert.Equal((token.Id, Convert.ToHexString(token.Secret)), (read.Id, Convert.ToHexString(read.Secret)));
        Assert.NotEqual(token.Reveal(), JoinToken.Create().Reveal());
    }
}
