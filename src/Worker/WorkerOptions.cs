using System.Net.Sockets;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Identity;
using DistTrain.Transport.SharedMemory;
using Grpc.Core.Interceptors;

namespace DistTrain.Worker;

/// <summary>Where a worker's coordinator is, and how it works. Nothing here changes a bit of the result.</summary>
public sealed record WorkerOptions
{
    private const int MaximumNameLength = 255;

    /// <summary>The coordinator: <c>host:port</c>, <c>host</c> (port 29500), a http URI, or <c>unix:PATH</c>.</summary>
    public required string Coordinator { get; init; }

    /// <summary>
    /// A name that it keeps when it starts again, by which the coordinator knows who crashes again and again; at most 255 characters, default empty: its host and
    /// process id.
    /// </summary>
    public string Name { get; init; } = "";

    /// <summary>Whether to share memory with a coordinator on this host; default true where the system can.</summary>
    public bool SharesMemory { get; init; } = RunSegment.IsSupported;

    /// <summary>By which the worker gets a certificate; null if it has one, or needs none.</summary>
    public JoinToken? Token { get; init; }

    /// <summary>The hash of the authority whose coordinator is meant (<see cref="CertificateRules.HashOf"/>); null if a kept certificate says it, or it does not matter.</summary>
    public string? AuthorityHash { get; init; }

    /// <summary>The file that the certificate is kept in, so that a worker which starts again needs no token; null, the default, for nowhere.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>Whether everything goes over TLS; else in clear.</summary>
    public bool IsSecure => Token is not null || AuthorityHash is not null || CertificateFile is not null;

    /// <summary>Threads that share a lease; at least 1, default 1.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Finds the run's dataset on this host; null, or a null result, leaves it to the cache and then to the coordinator.</summary>
    public Func<DatasetSpec, Dataset?>? FindDataset { get; init; }

    /// <summary>Where datasets from the coordinator are kept, by digest; default <c>disttrain/datasets</c> in the user's cache.</summary>
    public string CacheDirectory { get; init; } = DefaultCacheDirectory();

    /// <summary>How long to look for a coordinator before the first attachment; default 60 s.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long to look for the coordinator after the connection was lost; default 5 min.</summary>
    public TimeSpan ReconnectTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Asked to stop, the worker has so long to finish the lease it is computing before it leaves it to others; default 10 s.</summary>
    public TimeSpan FinishTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>End this process within a second when its standard input closes, that is when its parent is gone; default false.</summary>
    public bool ExitWithStandardInput { get; init; }

    /// <summary>Said instead of the true known answer; for tests.</summary>
    internal byte[]? KnownAnswer { get; init; }

    /// <summary>Changes a partial before its checksum is computed, on the compute thread: a worker that lies. For tests.</summary>
    internal Action<Lease, Partial>? Tamper { get; init; }

    /// <summary>Sees every message of the calls: a wire that loses, repeats and reorders them. For tests.</summary>
    internal Interceptor? Interceptor { get; init; }

    /// <summary>The file of the coordinator's socket; null if the coordinator is at a host and a port.</summary>
    /// <exception cref="InvalidInputException">Its path can be no socket's.</exception>
    public UnixDomainSocketEndPoint? SocketFile() => CoordinatorAddress.FindSocket(Coordinator);

    /// <summary>The coordinator's address; http://localhost/ where there is a <see cref="SocketFile"/> instead.</summary>
    /// <exception cref="InvalidInputException">It is none.</exception>
    public Uri Address()
    {
        if (SocketFile() is not null)
        {
            return new Uri("http://localhost/");
        }

        var scheme = IsSecure ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        var text = Coordinator.Contains("://", StringComparison.Ordinal) ? Coordinator : $"{scheme}://{Coordinator}";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme != scheme || uri.Host.Length == 0 || uri.PathAndQuery != "/")
        {
            throw new InvalidInputException($"'{Coordinator}' is no coordinator address; it must be HOST:PORT, for example 127.0.0.1:{Protocol.DefaultPort}, or unix:PATH.");
        }

        // A URI without a port means 80 or 443, which is nobody's coordinator unless the user wrote it.
        var builder = new UriBuilder(uri);
        if (uri.IsDefaultPort && !text.TrimEnd('/').EndsWith($":{uri.Port}", StringComparison.Ordinal))
        {
            builder.Port = Protocol.DefaultPort;
        }

        return builder.Uri;
    }

    /// <summary>Checks ranges.</summary>
    /// <exception cref="InvalidInputException">The message says what to change.</exception>
    public void Validate()
    {
        Address();
        if (Name.Length > MaximumNameLength || Name.Any(char.IsControl))
        {
            throw new InvalidInputException($"The worker's name has {Name.Length} characters; it must have at most {MaximumNameLength}, and no control characters.");
        }

        if (Token is not null && AuthorityHash is null)
        {
            throw new InvalidInputException("--token goes with --ca-hash: the token is sent to nobody but the coordinator of that authority. Paste the whole line that 'disttrain token create' printed.");
        }

        if (AuthorityHash is { } hash && !CertificateRules.IsHash(hash))
        {
            throw new InvalidInputException("--ca-hash is no authority's hash; it must be sha256: and 64 digits from 0 to f, as 'disttrain token create' prints it.");
        }

        if (IsSecure && SocketFile() is not null)
        {
            throw new InvalidInputException($"{Coordinator} is for this user alone and takes no certificates: leave out --token, --ca-hash and --certificate.");
        }

        if (Threads < 1)
        {
            throw new InvalidInputException($"The number of threads is {Threads}; it must be at least 1.");
        }

        foreach (var (name, value) in new[]
        {
            ("The start timeout", StartTimeout), ("The reconnect timeout", ReconnectTimeout), ("The finish timeout", FinishTimeout),
        })
        {
            if (value <= TimeSpan.Zero)
            {
                throw new InvalidInputException($"{name} is {value.TotalSeconds} s; it must be above 0.");
            }
        }
    }

    private static string DefaultCacheDirectory()
    {
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache))
        {
            var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            cache = OperatingSystem.IsWindows()
                ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : home.Length > 0 ? Path.Combine(home, ".cache") : Path.GetTempPath();
        }

        return Path.Combine(cache, "disttrain", "datasets");
    }
}
