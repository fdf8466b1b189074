using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using DistTrain.Core;

namespace DistTrain.Transport.Identity;

/// <summary>What a worker or operator shows and trusts: a certificate with its key, and the authority's certificate. One PEM file holds all three.</summary>
public sealed class PeerCredentials : IDisposable
{
    /// <summary>Takes both over.</summary>
    /// <param name="certificate">With its key.</param>
    /// <param name="authority">Of whoever is talked to.</param>
    public PeerCredentials(X509Certificate2 certificate, X509Certificate2 authority) => (Certificate, Authority) = (certificate, authority);

    /// <summary>With its key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>Of whoever is talked to.</summary>
    public X509Certificate2 Authority { get; }

    /// <summary>Reads a file that <see cref="ToPem"/> filled.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidInputException">It cannot be read, is damaged, or others can read it.</exception>
    public static PeerCredentials Load(string path)
    {
        var text = PrivateFile.Read(path, isSecret: true);
        try
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPem(text);
            if (certificates.Count != 2)
            {
                throw new CryptographicException($"it holds {certificates.Count} certificates, not the holder's and the authority's");
            }

            certificates[0].Dispose();
            using var withKey = X509Certificate2.CreateFromPem(text, text);
            return new PeerCredentials(CertificateAuthority.Usable(withKey), certificates[1]);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            throw new InvalidInputException($"{path} is no certificate with its key: {e.Message.TrimEnd('.')}. Delete it; it is made anew, by the coordinator or with a token.", e);
        }
    }

    /// <summary>Secret.</summary>
    public string ToPem()
    {
        using var key = Certificate.GetECDsaPrivateKey()!;
        return new StringBuilder().Append(Certificate.ExportCertificatePem()).Append('\n')
            .Append(key.ExportPkcs8PrivateKeyPem()).Append('\n')
            .Append(Authority.ExportCertificatePem()).Append('\n').ToString();
    }

    /// <summary>How to talk to a coordinator of this authority.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="current">Gives what to show at each new connection.</param>
    /// <param name="refused">Told why a coordinator was not talked to.</param>
    public static SslClientAuthenticationOptions ToClient(TimeProvider time, Func<PeerCredentials> current, Action<string> refused)
    {
        var options = ToServer(certificate =>
        {
            var reason = RefuseServer(certificate, current().Authority, time.GetUtcNow());
            if (reason is not null)
            {
                refused(reason);
            }

            return reason is null;
        });
        options.LocalCertificateSelectionCallback = (_, _, _, _, _) => current().Certificate;
        return options;
    }

    /// <summary>How to talk to somebody whom <paramref name="judge"/> alone decides on, while the peer is shown nothing.</summary>
    /// <param name="judge">Whether to go on, by the certificate that was shown; null if none was.</param>
    public static SslClientAuthenticationOptions ToServer(Func<X509Certificate2?, bool> judge) => new()
    {
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        CertificateChainPolicy = CertificateRules.Policy(authority: null),
        RemoteCertificateValidationCallback = (_, certificate, _, _) => judge(certificate as X509Certificate2),
    };

    /// <summary>Why what answers is not the coordinator; null if it is.</summary>
    /// <param name="certificate">What it has shown.</param>
    /// <param name="authority">Who must have signed it.</param>
    /// <param name="now">The time.</param>
    public static string? RefuseServer(X509Certificate2? certificate, X509Certificate2 authority, DateTimeOffset now)
    {
        if (certificate is null)
        {
            return "it shows no certificate";
        }

        var verdict = CertificateRules.Judge(certificate, authority, now);
        return verdict.Identity is { Role: PeerRole.Coordinator } ? null
            : verdict.Identity is { } other ? $"it shows the certificate of a{(other.Role == PeerRole.Operator ? "n" : "")} {PeerIdentity.RoleName(other.Role)}, not a coordinator's"
            : verdict.Reason;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Certificate.Dispose();
        Authority.Dispose();
    }
}
