using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace DistTrain.Transport.Identity;

/// <summary>What became of a look at a certificate.</summary>
/// <param name="Identity">Who holds it; null unless it is good.</param>
/// <param name="IsOurs">Whether the authority signed it, also if it is no longer good.</param>
/// <param name="Reason">Why it is not good, in one sentence; empty if it is.</param>
public sealed record CertificateVerdict(PeerIdentity? Identity, bool IsOurs, string Reason);

/// <summary>Whether a certificate is one of ours. Names of hosts do not count: the authority is private, and the role says what a holder may be.</summary>
public static class CertificateRules
{
    private const string HashPrefix = "sha256:";

    /// <summary>The name of an authority that people compare and paste: <c>sha256:</c> and the SHA-256 of its public key's SubjectPublicKeyInfo, in lower-case hex.</summary>
    /// <param name="authority">Its certificate.</param>
    public static string HashOf(X509Certificate2 authority) => HashOf(authority.PublicKey);

    /// <summary>The same of a key.</summary>
    public static string HashOf(PublicKey key) => HashPrefix + Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));

    /// <summary>Whether a text could be an authority's hash.</summary>
    public static bool IsHash(string text) =>
        text.StartsWith(HashPrefix, StringComparison.Ordinal) && IsDigest(text[HashPrefix.Length..]);

    /// <summary>Whether a text is a SHA-256 in lower-case hex.</summary>
    public static bool IsDigest(string? text) => text is { Length: 2 * SHA256.HashSizeInBytes } && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Judges a certificate.</summary>
    /// <param name="certificate">What a peer has shown; it has proved to have the key.</param>
    /// <param name="authority">Who must have signed it.</param>
    /// <param name="now">By this machine's clock.</param>
    public static CertificateVerdict Judge(X509Certificate2 certificate, X509Certificate2 authority, DateTimeOffset now)
    {
        try
        {
            return JudgeReadable(certificate, authority, now);
        }
        catch (CryptographicException)
        {
            // The library reads a certificate's parts when they are asked for, and each may be anything.
            return new CertificateVerdict(null, false, "its certificate cannot be read");
        }
    }

    private static CertificateVerdict JudgeReadable(X509Certificate2 certificate, X509Certificate2 authority, DateTimeOffset now)
    {
        using var chain = new X509Chain { ChainPolicy = Policy(authority) };
        var isSigned = chain.Build(certificate) && chain.ChainElements.Count == 2;
        foreach (var element in chain.ChainElements)
        {
            element.Certificate.Dispose();
        }

        if (!isSigned)
        {
            return new CertificateVerdict(null, false, "its certificate is of another authority");
        }

        if (OutOfTime(certificate, now) is { } reason)
        {
            return new CertificateVerdict(null, true, reason);
        }

        return PeerIdentity.Of(certificate) is { } identity
            ? new CertificateVerdict(identity, true, "")
            : new CertificateVerdict(null, true, "its certificate names no role");
    }

    /// <summary>
    /// How a chain to an authority is built: from what is here alone. The TLS library builds one before it asks anybody, by default with downloads from
    /// addresses that the peer's certificate names, so it needs this too.
    /// </summary>
    /// <param name="authority">Who must have signed; null if it is not known yet.</param>
    public static X509ChainPolicy Policy(X509Certificate2? authority)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            // Judged apart, in words that name both clocks.
            VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid,
        };
        if (authority is not null)
        {
            policy.CustomTrustStore.Add(authority);
        }

        return policy;
    }

    private static string? OutOfTime(X509Certificate2 certificate, DateTimeOffset now)
    {
        var (begin, end) = (new DateTimeOffset(certificate.NotBefore.ToUniversalTime()), new DateTimeOffset(certificate.NotAfter.ToUniversalTime()));
        return now < begin ? $"its certificate begins at {Text(begin)}, which by this machine's clock, {Text(now)}, is in {Span(begin - now)}: set the clocks right"
            : now > end ? $"its certificate ended at {Text(end)}, which by this machine's clock, {Text(now)}, was {Span(now - end)} ago: join with a new token, or set the clocks right"
            : null;
    }

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Span(TimeSpan span) =>
        span < TimeSpan.FromMinutes(2) ? FormattableString.Invariant($"{span.TotalSeconds:0} s")
        : span < TimeSpan.FromHours(2) ? FormattableString.Invariant($"{span.TotalMinutes:0} min")
        : span < TimeSpan.FromDays(2) ? FormattableString.Invariant($"{span.TotalHours:0} h")
        : FormattableString.Invariant($"{span.TotalDays:0} days");
}
