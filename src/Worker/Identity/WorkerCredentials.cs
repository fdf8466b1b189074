using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DistTrain.Core;
using DistTrain.Transport;
using DistTrain.Transport.Identity;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker.Identity;

/// <summary>(9) A worker's certificate: had by a token, kept in a file if the user wants that, and renewed while the worker lives.</summary>
internal sealed class WorkerCredentials : IDisposable
{
    private static readonly TimeSpan CallDeadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RenewalRetry = TimeSpan.FromMinutes(1);

    /// <summary>How often to look at the clock before that: a machine that slept has lost time that no timer counted.</summary>
    private static readonly TimeSpan RenewalLook = TimeSpan.FromMinutes(10);

    private readonly WorkerOptions _options;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private volatile PeerCredentials? _current;
    private volatile string? _refusal;

    /// <summary>For which a certificate is asked. The same until there is one, so that an answer that was lost costs no second use of the token.</summary>
    private ECDsa? _asking;

    /// <summary>Reads what was kept.</summary>
    /// <exception cref="InvalidInputException">It is damaged, or of another authority than the one named.</exception>
    public WorkerCredentials(WorkerOptions options, ILogger log, TimeProvider time)
    {
        (_options, _log, _time) = (options, log, time);
        if (options.CertificateFile is not { } file || !File.Exists(file))
        {
            return;
        }

        var kept = PeerCredentials.Load(file);
        if (options.AuthorityHash is { } hash && CertificateRules.HashOf(kept.Authority) != hash)
        {
            Log.OtherAuthority(log, file, CertificateRules.HashOf(kept.Authority), hash);
            kept.Dispose();
            return;
        }

        _current = kept;
    }

    /// <summary>How to reach the coordinator over TLS; null if the worker was given neither token nor certificate, and everything goes in clear.</summary>
    public SslClientAuthenticationOptions? Client() => _options.IsSecure ? PeerCredentials.ToClient(_time, () => _current!, reason => _refusal = reason) : null;

    /// <summary>Why the coordinator that answered last was not talked to; null if it was. Asked once.</summary>
    public string? TakeRefusal() => Interlocked.Exchange(ref _refusal, null);

    /// <summary>How long connections on which the worker shows its certificate may last: after it a renewed one is shown.</summary>
    public static TimeSpan ConnectionLifetime { get; } = CertificateAuthority.WorkerLifetime / 4;

    /// <summary>Has a certificate that is good, and gets one if need be.</summary>
    /// <exception cref="RefusedException">There is none to be had.</exception>
    /// <exception cref="RpcException">The coordinator is away.</exception>
    public async Task EnsureAsync(CancellationToken stop)
    {
        if (!_options.IsSecure || (_current is { } current && _time.GetUtcNow() < EndOf(current)))
        {
            return;
        }

        if (_options is not { Token: { } token, AuthorityHash: { } hash })
        {
            throw new RefusedException(_current is null
                ? "This worker has no certificate and no token to get one by: give --token and --ca-hash, as 'disttrain token create' on the coordinator's machine prints them."
                : $"The certificate in {_options.CertificateFile} ended at {EndOf(_current):u}: give --token and --ca-hash, as 'disttrain token create' on the coordinator's machine prints them.");
        }

        var authority = await FindAuthorityAsync(hash, stop);
        var key = _asking ??= ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var channel = Open(PeerCredentials.ToServer(certificate => (_refusal = PeerCredentials.RefuseServer(certificate, authority, _time.GetUtcNow())) is null));
        var reply = await AskAsync(client => client.EnrollAsync(
            new EnrollRequest { Token = token.Reveal(), CertificateRequest = ByteString.CopyFrom(CertificateAuthority.Request(key)) }, Deadline(stop)), channel);
        Keep(reply, key, authority);
        key.Dispose();
        _asking = null;
        Log.Enrolled(_log, PeerIdentity.Of(_current!.Certificate)?.Name ?? "", EndOf(_current));
    }

    /// <summary>Renews the certificate after two thirds of its life, again and again.</summary>
    /// <param name="invoker">Of a connection on which the worker shows its certificate.</param>
    /// <param name="stop">The worker ends.</param>
    public async Task RenewAsync(CallInvoker invoker, CancellationToken stop)
    {
        var client = new Enrollment.EnrollmentClient(invoker);
        while (!stop.IsCancellationRequested)
        {
            var wait = RenewalRetry;
            if (_current is { } current)
            {
                var (begin, end) = (current.Certificate.NotBefore.ToUniversalTime(), current.Certificate.NotAfter.ToUniversalTime());
                var due = end - ((end - begin) / 3) - _time.GetUtcNow().UtcDateTime;
                wait = due > RenewalLook ? RenewalLook : due > RenewalRetry ? due : RenewalRetry;
                if (due <= TimeSpan.Zero)
                {
                    try
                    {
                        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                        var reply = await client.RenewAsync(new RenewRequest { CertificateRequest = ByteString.CopyFrom(CertificateAuthority.Request(key)) }, Deadline(stop));
                        Keep(reply, key, current.Authority);
                        Log.Renewed(_log, EndOf(_current!));
                    }
                    catch (Exception e) when (e is RpcException or RefusedException)
                    {
                        if (stop.IsCancellationRequested)
                        {
                            break;
                        }

                        Log.NotRenewed(_log, e is RpcException rpc ? rpc.Status.Detail : e.Message, EndOf(current));
                    }
                }
            }

            await Task.Delay(wait, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _current?.Dispose();
        _asking?.Dispose();
    }

    private static DateTimeOffset EndOf(PeerCredentials credentials) => new(credentials.Certificate.NotAfter.ToUniversalTime());

    /// <summary>Whoever answers is asked for its authority, and must prove to be that authority's coordinator. Nothing is told before.</summary>
    private async Task<X509Certificate2> FindAuthorityAsync(string hash, CancellationToken stop)
    {
        X509Certificate2? shown = null;
        using var channel = Open(PeerCredentials.ToServer(certificate =>
        {
            // Judged below, when the authority is known.
            shown = certificate is null ? null : X509CertificateLoader.LoadCertificate(certificate.RawData);
            return certificate is not null;
        }));
        var reply = await AskAsync(client => client.AuthorityAsync(new AuthorityRequest(), Deadline(stop)), channel);
        X509Certificate2 authority;
        try
        {
            authority = X509CertificateLoader.LoadCertificate(reply.Certificate.Span);
        }
        catch (CryptographicException e)
        {
            throw new RefusedException("What answers is no coordinator: its authority's certificate cannot be read.", e);
        }

        using (shown)
        {
            var actual = CertificateRules.HashOf(authority);
            if ((actual != hash ? $"it belongs to authority {actual}, not to {hash} (--ca-hash); no token was sent to it"
                : PeerCredentials.RefuseServer(shown, authority, _time.GetUtcNow())) is { } reason)
            {
                authority.Dispose();
                throw new RefusedException($"What answers is not the coordinator that was meant: {reason}.");
            }
        }

        return authority;
    }

    private async Task<T> AskAsync<T>(Func<Enrollment.EnrollmentClient, AsyncUnaryCall<T>> ask, GrpcChannel channel)
    {
        try
        {
            return await ask(new Enrollment.EnrollmentClient(channel));
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied or StatusCode.InvalidArgument)
        {
            throw new RefusedException(e.Status.Detail, e);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unimplemented)
        {
            throw new RefusedException("What answers gives no certificates: it is no coordinator of this version.", e);
        }
        catch (RpcException e) when (TakeRefusal() is { } reason)
        {
            throw new RefusedException($"What answers is not the coordinator that was meant: {reason}.", e);
        }
    }

    private void Keep(CertificateReply reply, ECDsa key, X509Certificate2 authority)
    {
        try
        {
            using var certificate = X509CertificateLoader.LoadCertificate(reply.Certificate.Span);
            using var withKey = certificate.CopyWithPrivateKey(key);
            // The old one may be in use by a handshake: its finalizer frees it.
            _current = new PeerCredentials(CertificateAuthority.Usable(withKey), authority);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new RefusedException("The coordinator's certificate for this worker cannot be used.", e);
        }

        if (_options.CertificateFile is { } file)
        {
            try
            {
                PrivateFile.Write(file, _current.ToPem());
            }
            catch (InvalidInputException e)
            {
                // It has the certificate, and works; only its next start needs a token.
                Log.NotKept(_log, e.Message);
            }
        }
    }

    private GrpcChannel Open(SslClientAuthenticationOptions tls) => GrpcChannel.ForAddress(_options.Address(), new GrpcChannelOptions
    {
        MaxReceiveMessageSize = Protocol.MaximumMessageBytes,
        DisposeHttpClient = true,
        HttpHandler = new SocketsHttpHandler { UseProxy = false, ConnectTimeout = CallDeadline, SslOptions = tls },
    });

    // The library's own clock, whatever time the worker lives in.
    private static CallOptions Deadline(CancellationToken stop) => new(deadline: (TimeProvider.System.GetUtcNow() + CallDeadline).UtcDateTime, cancellationToken: stop);
}
