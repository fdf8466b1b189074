using System.Security.Cryptography.X509Certificates;
using DistTrain.Core;
using DistTrain.Transport.Identity;

namespace DistTrain.Coordinator.Identity;

/// <summary>
/// Who a coordinator is and whom it trusts: a directory of its user's with a private authority, the tokens it gave, and a certificate for the operator.
/// Made at the first use; several runs share it. Its files lie side by side, so that they can be keys of one Kubernetes secret.
/// </summary>
public sealed class IdentityDirectory : IDisposable
{
    /// <summary>The file with the authority's certificate and key.</summary>
    public const string AuthorityFile = "authority.pem";

    /// <summary>The file with the operator's certificate and key, and the authority's certificate.</summary>
    public const string OperatorFile = "operator.pem";

    private static readonly TimeSpan OperatorRenewal = TimeSpan.FromDays(30);

    private IdentityDirectory(string path, CertificateAuthority authority) => (Path, Authority, Tokens) = (path, authority, new TokenStore(path));

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>The authority.</summary>
    public CertificateAuthority Authority { get; }

    /// <summary>Its tokens.</summary>
    public TokenStore Tokens { get; }

    /// <summary>Why there is no good operator's certificate in it, where that could not be written: a run goes on without. Else null.</summary>
    public string? WithoutOperator { get; private set; }

    /// <summary>Opens one that somebody has made.</summary>
    /// <param name="path">The directory, in full.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="InvalidInputException">There is none, a file in it is damaged or readable for others.</exception>
    public static IdentityDirectory OpenExisting(string path, DateTimeOffset now) => File.Exists(System.IO.Path.Combine(path, AuthorityFile))
        ? Open(path, now)
        : throw new InvalidInputException($"There is no authority in {path}: a coordinator beyond this machine and 'disttrain token create' make one. Another directory is named with --identity DIR.");

    /// <summary>Opens it, and makes what is missing.</summary>
    /// <param name="path">The directory, in full.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="InvalidInputException">A file in it is damaged or readable for others, or it cannot be made.</exception>
    public static IdentityDirectory Open(string path, DateTimeOffset now)
    {
        PrivateFile.CreateDirectory(path);
        var opened = new IdentityDirectory(path, FindAuthority(path, now));
        try
        {
            opened.KeepOperator(now);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>A certificate and key for the coordinator's server.</summary>
    /// <param name="now">The time.</param>
    public X509Certificate2 IssueServer(DateTimeOffset now) =>
        Authority.IssueWithKey(new PeerIdentity(PeerRole.Coordinator, CertificateAuthority.RandomName(), ""), now, CertificateAuthority.OperatorLifetime);

    /// <inheritdoc/>
    public void Dispose() => Authority.Dispose();

    private static CertificateAuthority FindAuthority(string path, DateTimeOffset now)
    {
        var file = System.IO.Path.Combine(path, AuthorityFile);
        if (!File.Exists(file))
        {
            using var alone = LockMaking(path);
            // Another process may have been quicker: its authority is the one.
            if (!File.Exists(file))
            {
                var made = CertificateAuthority.Create(now);
                PrivateFile.Write(file, made.ToPem());
                return made;
            }
        }

        var text = PrivateFile.Read(file, isSecret: true);
        try
        {
            return CertificateAuthority.Load(text);
        }
        catch (InvalidInputException e)
        {
            throw new InvalidInputException($"{file}: {e.Message.TrimEnd('.')}. Put the file back, or delete it: then there is another authority, and everybody joins anew.", e);
        }
    }

    /// <summary>Held while an authority is made; the system lets go when the process ends, however it does.</summary>
    private static FileStream LockMaking(string path)
    {
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            return new FileStream(System.IO.Path.Combine(path, "authority.lock"), options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException(
                $"The authority in {path} cannot be made: {e.Message} If another process is making it just now, start again; else name another directory with --identity DIR.", e);
        }
    }

    /// <summary>An operator on this machine needs no token: who can read the file may steer.</summary>
    private void KeepOperator(DateTimeOffset now)
    {
        var file = System.IO.Path.Combine(Path, OperatorFile);
        if (File.Exists(file))
        {
            using var kept = PeerCredentials.Load(file);
            if (CertificateRules.Judge(kept.Certificate, Authority.Certificate, now + OperatorRenewal).Identity is not null)
            {
                return;
            }
        }

        using var certificate = Authority.IssueWithKey(
            new PeerIdentity(PeerRole.Operator, CertificateAuthority.RandomName(), ""), now, CertificateAuthority.OperatorLifetime);
        using var credentials = new PeerCredentials(certificate, X509CertificateLoader.LoadCertificate(Authority.Certificate.RawData));
        try
        {
            PrivateFile.Write(file, credentials.ToPem());
        }
        catch (InvalidInputException e)
        {
            // A secret that an engine has mounted. The run needs none: those who steer it do.
            WithoutOperator = $"The operator's certificate cannot be made anew, and status, stop and scale will be refused once the one there has ended: {e.Message}";
        }
    }
}
