using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using DistTrain.Coordinator.Identity;
using DistTrain.Core;
using DistTrain.Transport.Identity;

namespace DistTrain.Fuzz.Targets;

/// <summary>
/// What strangers send to be let in, and the files that say who is. A signature would turn away every mutation at the door, so requests and certificates
/// are read twice: as they are, and signed anew by the key that should have.
/// </summary>
internal static class IdentityTargets
{
    // Its own, so that equal inputs do the same on any day.
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Begin = Now - TimeSpan.FromDays(1);
    private static readonly DateTimeOffset End = Now + TimeSpan.FromDays(1);
    private static readonly X500DistinguishedName AuthorityName = new("CN=disttrain authority 0123456789abcdef");
    private static readonly PeerIdentity Worker = new(PeerRole.Worker, "0123456789abcdef", "0123abcd");
    private static readonly JoinToken Token = new("0123abcd", [.. Enumerable.Range(0, JoinToken.SecretBytes).Select(i => (byte)i)]);
    private static readonly KnownKey AuthorityKey = KnownKey.P256(2);
    private static readonly KnownKey PeerKey = KnownKey.P256(3);
    private static readonly CertificateAuthority Authority = CertificateAuthority.Load(Pem(AuthorityCertificate()) + Pem(AuthorityKey));

    public static FuzzTarget Request { get; } = new(
        "certificate-request", "a stranger's certificate request (PKCS #10, DER), by which the coordinator gives a certificate", [typeof(InvalidInputException)],
        input =>
        {
            CheckpointTargets.Attempt(() => Issue(PeerKey.Resign(input)));
            Issue(input);
            return null;
        },
        RequestSeeds, Oid(4, 10), Oid(4, 3), Oid(29, 19));

    public static FuzzTarget Certificate { get; } = new(
        "certificate", "the certificate that a peer shows (X.509, DER)", [],
        input =>
        {
            // Something of ours, whatever the input: to afl-fuzz a seed that reaches nothing that counts is a program that does not.
            _ = CertificateRules.IsHash("");
            _ = Judge(AuthorityKey.Resign(input));
            return Judge(input);
        },
        CertificateSeeds, Oid(4, 10), Oid(4, 11), Oid(4, 3), Oid(4, 6), Oid(29, 15), Oid(29, 19), Oid(29, 35), Oid(29, 37), "disttrain:worker", "disttrain:operator", "20260601120000Z", "260601120000Z");

    public static FuzzTarget Credentials { get; } = new(
        "credentials", "files with certificates and keys (PEM): a peer's, an authority's", [typeof(InvalidInputException)], TakeCredentials, CredentialsSeeds,
        "-----BEGIN ", "-----END ", "-----", "CERTIFICATE", "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "X509 CERTIFICATE", "\n");

    public static FuzzTarget JoiningToken { get; } = new(
        "token", "a join token as it is pasted or sent, and the file in which the coordinator keeps one", [typeof(InvalidInputException)], TakeToken, TokenSeeds,
        "dt1.", "\"id\":", "\"hash\":", "\"createdUtc\":", "\"expiresUtc\":", "\"uses\":", "2026-06-01T12:00:00+00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z");

    private static void Issue(byte[] request)
    {
        // Constraints, two uses and whose key signed it.
        const int Extensions = 4;
        using var issued = Authority.Issue(CertificateAuthority.ReadRequest(request), Worker, Now, CertificateAuthority.WorkerLifetime);
        BrokenPromiseException.Unless(
            CertificateRules.Judge(issued, Authority.Certificate, Now) == new CertificateVerdict(Worker, true, ""), "a certificate that was given is not taken");
        BrokenPromiseException.Unless(issued.Extensions.Count == Extensions, "more than the key of a request is taken");
    }

    private static string? Judge(byte[] content)
    {
        X509Certificate2 certificate;
        try
        {
            certificate = X509CertificateLoader.LoadCertificate(content);
        }
        catch (CryptographicException e)
        {
            // TLS would not have come so far; what a coordinator says is its authority's may well.
            return $"no certificate: {e.Message}";
        }

        using (certificate)
        {
            BrokenPromiseException.Unless(CertificateRules.IsHash(CertificateRules.HashOf(certificate)), "an authority's hash is none");
            var verdict = CertificateRules.Judge(certificate, Authority.Certificate, Now);
            BrokenPromiseException.Unless((verdict.Identity is null) == (verdict.Reason.Length > 0), "a certificate is refused for no reason, or taken with one");
            BrokenPromiseException.Unless(verdict.Identity is null || verdict.IsOurs, "a certificate that is not ours is taken");
            BrokenPromiseException.Unless(
                PeerCredentials.RefuseServer(certificate, Authority.Certificate, Now) is null == verdict.Identity is { Role: PeerRole.Coordinator }, "what is no coordinator is taken for one");
            return verdict.Identity is null ? verdict.Reason : null;
        }
    }

    private static string? TakeCredentials(byte[] input)
    {
        CheckpointTargets.Attempt(() =>
        {
            // What is taken for an authority must be able to be one.
            using var authority = CertificateAuthority.Load(Encoding.UTF8.GetString(input));
            using var issued = authority.IssueWithKey(Worker, Now, CertificateAuthority.WorkerLifetime);
        });
        return InDirectory(directory =>
        {
            var file = Path.Combine(directory, "peer.pem");
            File.WriteAllBytes(file, input);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            using var loaded = PeerCredentials.Load(file);
            using var key = loaded.Certificate.GetECDsaPrivateKey();
            // Keys of other kinds are taken too, and written by nobody.
            if (key is not null)
            {
                PrivateFile.Write(file, loaded.ToPem());
                using var again = PeerCredentials.Load(file);
                BrokenPromiseException.Unless(again.Certificate.Equals(loaded.Certificate) && again.Authority.Equals(loaded.Authority), "credentials do not come back from their text");
            }

            return null;
        });
    }

    private static string? TakeToken(byte[] input)
    {
        var sections = Sections.Split(input);
        var sent = sections.Count > 0 ? JoinToken.TryParse(Encoding.UTF8.GetString(sections[0])) : null;
        BrokenPromiseException.Unless(sent is null || JoinToken.TryParse(sent.Reveal())?.Reveal() == sent.Reveal(), "a token does not come back from its text");
        var reason = sections.Count < 2 ? null : InDirectory(directory =>
        {
            // Where the text is none, the file is read with one that is.
            var shown = sent ?? Token;
            File.WriteAllBytes(Path.Combine(directory, $"token-{shown.Id}.json"), sections[1]);
            var store = new TokenStore(directory);
            foreach (var record in store.List())
            {
                _ = record.IsOpen(Now);
            }

            return store.Redeem(shown, "its key", Now);
        });
        return sent is null ? "it is no token" : reason;
    }

    private static string? InDirectory(Func<string, string?> take)
    {
        var directory = Directory.CreateTempSubdirectory("disttrain-fuzz-").FullName;
        try
        {
            return take(directory);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static IEnumerable<Seed> RequestSeeds()
    {
        var good = Ask(new X500DistinguishedName("CN=disttrain"), PeerKey);
        yield return new Seed("good", good);
        // Of what it asks for nothing but the key is taken.
        yield return new Seed("wishes", Ask(new PeerIdentity(PeerRole.Operator, "root", "").ToSubject(), PeerKey, new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true)));
        yield return new Seed("p-384", Ask(new X500DistinguishedName("CN=disttrain"), KnownKey.P384(3)));
        yield return new Seed("of-nobody", Ask(new X500DistinguishedName([0x30, 0]), PeerKey));
        yield return new Seed("other-signature", [.. good[..^1], (byte)(good[^1] ^ 1)]);
        yield return new Seed("cut-off", good[..^9]);
        yield return new Seed("twice", [.. good, .. good]);
        yield return new Seed("certificate", Sign(Worker.ToSubject(), AuthorityKey));
        yield return new Seed("length-of-4-GB", [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, .. good[4..]]);
        yield return new Seed("deep", [.. Enumerable.Repeat<byte[]>([0x30, 0x80], 1000).SelectMany(bytes => bytes)]);
    }

    private static IEnumerable<Seed> CertificateSeeds()
    {
        var worker = Sign(Worker.ToSubject(), AuthorityKey);
        yield return new Seed("worker", worker);
        yield return new Seed("operator", Sign(new PeerIdentity(PeerRole.Operator, "o", "").ToSubject(), AuthorityKey));
        yield return new Seed("coordinator", Sign(new PeerIdentity(PeerRole.Coordinator, "c", "").ToSubject(), AuthorityKey));
        yield return new Seed("authority", AuthorityCertificate());
        yield return new Seed("ended", Sign(Worker.ToSubject(), AuthorityKey, end: Now - TimeSpan.FromHours(1)));
        yield return new Seed("not-begun", Sign(Worker.ToSubject(), AuthorityKey, begin: Now + TimeSpan.FromHours(1)));
        yield return new Seed("imitated", Sign(Worker.ToSubject(), PeerKey));
        yield return new Seed("an-authority-too", Sign(Worker.ToSubject(), AuthorityKey, isAuthority: true));
        yield return new Seed("no-role", Sign(new X500DistinguishedName("CN=x"), AuthorityKey));
        yield return new Seed("unknown-role", Sign(new X500DistinguishedName("O=disttrain:root, CN=x"), AuthorityKey));
        yield return new Seed("role-twice", Sign(new X500DistinguishedName("O=disttrain:worker, O=disttrain:operator, CN=x"), AuthorityKey));
        yield return new Seed("two-in-one", Sign(new X500DistinguishedName("O=disttrain:worker + CN=x"), AuthorityKey));
        yield return new Seed("of-a-country", Sign(new X500DistinguishedName("C=XX, O=disttrain:worker, CN=x"), AuthorityKey));
        yield return new Seed("of-nobody", Sign(new X500DistinguishedName([0x30, 0]), AuthorityKey));
        yield return new Seed("request", Ask(new X500DistinguishedName("CN=disttrain"), PeerKey));
        yield return new Seed("cut-off", worker[..^9]);
        yield return new Seed("length-of-4-GB", [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, .. worker[4..]]);
    }

    private static IEnumerable<Seed> CredentialsSeeds()
    {
        var (peer, authority) = (Pem(Sign(new PeerIdentity(PeerRole.Operator, "o", "").ToSubject(), AuthorityKey)), Pem(AuthorityCertificate()));
        yield return Text("peer.pem", peer + Pem(PeerKey) + authority);
        yield return Text("authority.pem", authority + Pem(AuthorityKey));
        yield return Text("older-key.pem", peer + PeerKey.Key.ExportECPrivateKeyPem() + "\n" + authority);
        yield return Text("others-key.pem", peer + Pem(AuthorityKey) + authority);
        yield return Text("p-384-key.pem", peer + Pem(KnownKey.P384(3)) + authority);
        yield return Text("no-key.pem", peer + authority);
        yield return Text("key-first.pem", Pem(PeerKey) + peer + authority);
        yield return Text("authority-first.pem", authority + Pem(PeerKey) + peer);
        yield return Text("three.pem", peer + Pem(PeerKey) + authority + authority);
        yield return Text("encrypted.pem", peer + Pem(PeerKey).Replace("PRIVATE", "ENCRYPTED PRIVATE", StringComparison.Ordinal) + authority);
        yield return Text("with-words.pem", $"The operator's:\n{peer}\nand its key\n{Pem(PeerKey)}\n{authority}.");
        yield return Text("cut-off.pem", (peer + Pem(PeerKey) + authority)[..^40]);
        yield return Text("no-end.pem", string.Concat(Enumerable.Repeat("-----BEGIN CERTIFICATE-----\n", 200)));
        yield return new Seed("not-utf-8.pem", [0xFF, .. Encoding.ASCII.GetBytes(peer + Pem(PeerKey) + authority), 0xFE]);
        yield return new Seed("nothing.pem", []);

        static Seed Text(string name, string text) => new(name, Encoding.ASCII.GetBytes(text));
    }

    private static IEnumerable<Seed> TokenSeeds()
    {
        var hash = Convert.ToHexStringLower(Token.Hash());
        yield return Seed("open", Token.Reveal(), Record(hash, End));
        yield return Seed("few-uses", Token.Reveal() + "\n", Record(hash, End, 2));
        yield return Seed("used-up", Token.Reveal(), Record(hash, End, 0));
        yield return Seed("expired", Token.Reveal(), Record(hash, Begin));
        yield return Seed("another-token", Token.Reveal(), Record(Convert.ToHexStringLower(new byte[SHA256.HashSizeInBytes]), End));
        yield return Seed("other-id", $"dt1.fedc3210.{Token.Reveal().Split('.')[^1]}", Record(hash, End));
        yield return Seed("damaged-file", Token.Reveal(), Record(hash, End)[..40]);
        yield return Seed("file-of-nothing", Token.Reveal(), "null");
        yield return Seed("no-hash", Token.Reveal(), "{}");
        yield return Seed("hash-of-letters", Token.Reveal(), Record("letters", End));
        yield return Seed("negative-uses", Token.Reveal(), Record(hash, End, -1));
        yield return Seed("largest-uses", Token.Reveal(), Record(hash, End, int.MaxValue));
        yield return Seed("half-a-secret", Token.Reveal()[..^8], Record(hash, End));
        yield return Seed("path-for-id", "dt1.../../ab.AAAAAAAAAAAAAAAAAAAAAA", Record(hash, End));
        yield return Seed("no-token", new string('.', 2000), Record(hash, End));
        yield return new Seed("nothing", []);

        static Seed Seed(string name, string token, string record) => new(name, Sections.Join(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(record)));

        // As the store writes it.
        static string Record(string hash, DateTimeOffset end, int? uses = null) => string.Create(
            CultureInfo.InvariantCulture,
            $$"""
            {
              "id": "{{Token.Id}}",
              "hash": "{{hash}}",
              "createdUtc": "{{Begin:yyyy-MM-ddTHH:mm:sszzz}}",
              "expiresUtc": "{{end:yyyy-MM-ddTHH:mm:sszzz}}"{{(uses is { } count ? $",\n  \"uses\": {count}" : "")}}
            }

            """);
    }

    private static byte[] Ask(X500DistinguishedName subject, KnownKey key, params X509Extension[] extensions)
    {
        var request = new CertificateRequest(subject, key.PublicKey, HashAlgorithmName.SHA256);
        foreach (var extension in extensions)
        {
            request.CertificateExtensions.Add(extension);
        }

        return request.CreateSigningRequest(key);
    }

    /// <summary>A certificate for <see cref="PeerKey"/> as the authority gives them; its serial number and dates are always the same.</summary>
    private static byte[] Sign(X500DistinguishedName subject, KnownKey signer, DateTimeOffset? begin = null, DateTimeOffset? end = null, bool isAuthority = false)
    {
        using var authority = X509CertificateLoader.LoadCertificate(AuthorityCertificate());
        var request = new CertificateRequest(subject, PeerKey.PublicKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new("1.3.6.1.5.5.7.3.2")], critical: true));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        using var certificate = request.Create(AuthorityName, signer, begin ?? Begin, end ?? End, [7]);
        return certificate.RawData;
    }

    private static byte[] AuthorityCertificate()
    {
        var request = new CertificateRequest(AuthorityName, AuthorityKey.PublicKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using var certificate = request.Create(AuthorityName, AuthorityKey, Begin, Now + TimeSpan.FromDays(3650), [1]);
        return certificate.RawData;
    }

    private static string Pem(byte[] certificate) => PemEncoding.WriteString("CERTIFICATE", certificate) + "\n";

    private static string Pem(KnownKey key) => key.Key.ExportPkcs8PrivateKeyPem() + "\n";

    /// <summary>An object identifier of X.500, 2.5.X.Y, as DER writes it.</summary>
    private static string Oid(int arc, int number) => new([(char)6, (char)3, (char)85, (char)arc, (char)number]);
}
