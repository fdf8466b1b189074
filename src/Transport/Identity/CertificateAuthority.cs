using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DistTrain.Core;

namespace DistTrain.Transport.Identity;

/// <summary>A private authority: whom it gives a certificate belongs to the runs of one coordinator. ECDSA over P-256, SHA-256.</summary>
public sealed class CertificateAuthority : IDisposable
{
    /// <summary>How long a worker's certificate is good; it is renewed after two thirds.</summary>
    public static readonly TimeSpan WorkerLifetime = TimeSpan.FromHours(24);

    /// <summary>How long an operator's and a coordinator's are good. The coordinator makes its own anew at each start.</summary>
    public static readonly TimeSpan OperatorLifetime = TimeSpan.FromDays(365);

    /// <summary>How much earlier than now a certificate begins: a peer whose clock is slow by less takes it.</summary>
    public static readonly TimeSpan Backdating = TimeSpan.FromHours(1);

    private static readonly TimeSpan AuthorityLifetime = TimeSpan.FromDays(10 * 365);
    private const int SerialBytes = 16;
    private const int NameBytes = 8;
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _withKey;

    private CertificateAuthority(X509Certificate2 withKey)
    {
        _withKey = withKey;
        Certificate = X509CertificateLoader.LoadCertificate(withKey.RawData);
        Hash = CertificateRules.HashOf(Certificate);
    }

    /// <summary>Without the key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary><see cref="CertificateRules.HashOf"/> of it.</summary>
    public string Hash { get; }

    /// <summary>A new authority.</summary>
    /// <param name="now">From when on; it is good for ten years.</param>
    public static CertificateAuthority Create(DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=disttrain authority {RandomName()}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return new CertificateAuthority(request.CreateSelfSigned(now - Backdating, now + AuthorityLifetime));
    }

    /// <summary>One that was kept.</summary>
    /// <param name="pem">As <see cref="ToPem"/>.</param>
    /// <exception cref="InvalidInputException">It is damaged.</exception>
    public static CertificateAuthority Load(string pem)
    {
        X509Certificate2 read;
        try
        {
            read = X509Certificate2.CreateFromPem(pem, pem);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            throw new InvalidInputException($"certificate and key cannot be read: {e.Message}", e);
        }

        if (IsAuthority(read))
        {
            return new CertificateAuthority(read);
        }

        read.Dispose();
        throw new InvalidInputException("the certificate is not an authority's");
    }

    /// <summary>Whether what <see cref="Create"/> put into a certificate is in it, without which it can sign none.</summary>
    private static bool IsAuthority(X509Certificate2 certificate)
    {
        try
        {
            using var key = certificate.GetECDsaPrivateKey();
            return key is not null
                && certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(constraints => constraints.CertificateAuthority)
                && certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Any(identifier => identifier.SubjectKeyIdentifierBytes.Length > 0)
                && certificate.Extensions.OfType<X509KeyUsageExtension>().All(usage => usage.KeyUsages.HasFlag(X509KeyUsageFlags.KeyCertSign))
                && certificate.NotBefore < certificate.NotAfter;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>Certificate and key: secret.</summary>
    public string ToPem()
    {
        using var key = _withKey.GetECDsaPrivateKey()!;
        return $"{Certificate.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n";
    }

    /// <summary>A key, and a certificate for it.</summary>
    /// <param name="identity">Who it is for.</param>
    /// <param name="now">The time.</param>
    /// <param name="lifetime">How long it is good.</param>
    public X509Certificate2 IssueWithKey(PeerIdentity identity, DateTimeOffset now, TimeSpan lifetime)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = Issue(new CertificateRequest(identity.ToSubject(), key, HashAlgorithmName.SHA256), identity.Role, now, lifetime);
        using var withKey = certificate.CopyWithPrivateKey(key);
        return Usable(withKey);
    }

    /// <summary>A certificate for somebody's key.</summary>
    /// <param name="key">As <see cref="ReadRequest"/> gave it.</param>
    /// <param name="identity">Who it is for.</param>
    /// <param name="now">The time.</param>
    /// <param name="lifetime">How long it is good.</param>
    public X509Certificate2 Issue(PublicKey key, PeerIdentity identity, DateTimeOffset now, TimeSpan lifetime) =>
        Issue(new CertificateRequest(identity.ToSubject(), key, HashAlgorithmName.SHA256), identity.Role, now, lifetime);

    /// <summary>The key of somebody who asks for a certificate.</summary>
    /// <param name="request">PKCS #10. Only its key is taken.</param>
    /// <exception cref="InvalidInputException">It is no request, is not signed by its key, or the key is not of P-256.</exception>
    public static PublicKey ReadRequest(ReadOnlySpan<byte> request)
    {
        try
        {
            // Its signature is verified: the caller has the key.
            var asked = CertificateRequest.LoadSigningRequest(request.ToArray(), HashAlgorithmName.SHA256);
            using var key = asked.PublicKey.GetECDsaPublicKey();
            if (key is null || key.ExportParameters(includePrivateParameters: false).Curve.Oid?.Value != ECCurve.NamedCurves.nistP256.Oid.Value)
            {
                throw new InvalidInputException("the request's key is not of the curve P-256");
            }

            return asked.PublicKey;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            throw new InvalidInputException("the certificate request cannot be read", e);
        }
    }

    /// <summary>A name that nobody has.</summary>
    public static string RandomName() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NameBytes));

    /// <summary>A request for a certificate, with its key.</summary>
    /// <param name="key">Made for it.</param>
    public static byte[] Request(ECDsa key) => new CertificateRequest("CN=disttrain", key, HashAlgorithmName.SHA256).CreateSigningRequest();

    /// <summary>A certificate with its key as TLS can use it: Windows' cannot do with a key that is nowhere but in memory.</summary>
    /// <param name="withKey">Stays the caller's.</param>
    public static X509Certificate2 Usable(X509Certificate2 withKey) => X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pfx), password: null);

    /// <inheritdoc/>
    public void Dispose()
    {
        Certificate.Dispose();
        _withKey.Dispose();
    }

    private X509Certificate2 Issue(CertificateRequest request, PeerRole role, DateTimeOffset now, TimeSpan lifetime)
    {
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new(role == PeerRole.Coordinator ? ServerUse : ClientUse)], critical: true));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        var end = now + lifetime;
        var serial = RandomNumberGenerator.GetBytes(SerialBytes);
        // Serial numbers are positive.
        serial[0] &= 0x7f;
        return request.Create(_withKey, Later(now - Backdating, _withKey.NotBefore), end < _withKey.NotAfter ? end : _withKey.NotAfter, serial);
    }

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;
}
