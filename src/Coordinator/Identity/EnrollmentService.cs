using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Threading.RateLimiting;
using DistTrain.Core;
using DistTrain.Transport.Identity;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator.Identity;

/// <summary>(9.1) Gives certificates for tokens, and renews them.</summary>
internal sealed class EnrollmentService : Enrollment.EnrollmentBase, IDisposable
{
    /// <summary>Bytes of the largest request.</summary>
    public const int MaximumMessageBytes = 8192;

    /// <summary>Attempts of one address in a <see cref="Window"/> before it must wait; those that succeed do not count.</summary>
    public const int MostAttempts = 20;

    /// <summary>After which attempts count anew.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly IdentityDirectory _directory;
    private readonly Quarantine _quarantine;
    private readonly RefusalReports _reports;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly PartitionedRateLimiter<IPAddress> _attempts = PartitionedRateLimiter.Create<IPAddress, IPAddress>(address => RateLimitPartition.GetFixedWindowLimiter(
        address, _ => new FixedWindowRateLimiterOptions { PermitLimit = MostAttempts, Window = Window, QueueLimit = 0 }));

    public EnrollmentService(IdentityDirectory directory, Quarantine quarantine, RefusalReports reports, TimeProvider time, ILogger log) =>
        (_directory, _quarantine, _reports, _time, _log) = (directory, quarantine, reports, time, log);

    /// <inheritdoc/>
    public override Task<AuthorityReply> Authority(AuthorityRequest request, ServerCallContext context) =>
        Task.FromResult(new AuthorityReply { Certificate = ByteString.CopyFrom(_directory.Authority.Certificate.RawData) });

    /// <inheritdoc/>
    public override Task<CertificateReply> Enroll(EnrollRequest request, ServerCallContext context)
    {
        var connection = context.GetHttpContext().Connection;
        var address = connection.RemoteIpAddress ?? IPAddress.None;
        if (_attempts.GetStatistics(address)?.CurrentAvailablePermits is <= 0)
        {
            throw Refuse(connection, StatusCode.ResourceExhausted, FormattableString.Invariant($"it tried more than {MostAttempts} times within {Window.TotalSeconds:0} s"), "Too many attempts from this address: wait a minute.");
        }

        if (_quarantine.Exiles(address) is { } reason)
        {
            throw Refuse(connection, StatusCode.PermissionDenied, $"a worker of this address was sent away for good: {reason}", "A worker from this address was sent away for good: it sent wrong bits.");
        }

        var now = _time.GetUtcNow();
        // Before a use of the token is counted.
        var key = Read(request.CertificateRequest, connection);
        var token = JoinToken.TryParse(request.Token);
        if ((token is null ? "it showed no token" : Redeem(token, key, now)) is { } why)
        {
            using var counted = _attempts.AttemptAcquire(address);
            throw Refuse(connection, StatusCode.Unauthenticated, why, "The token is wrong, expired, used up or revoked. 'disttrain token create', on the coordinator's machine, makes another.");
        }

        var identity = new PeerIdentity(PeerRole.Worker, CertificateAuthority.RandomName(), token!.Id);
        var reply = Issue(key, identity, now);
        Log.Enrolled(_log, identity.Name, $"{address}:{connection.RemotePort}", identity.TokenId);
        return Task.FromResult(reply);
    }

    /// <inheritdoc/>
    public override Task<CertificateReply> Renew(RenewRequest request, ServerCallContext context)
    {
        var http = context.GetHttpContext();
        return Task.FromResult(Issue(Read(request.CertificateRequest, http.Connection), Gatekeeper.WhoIs(http)!, _time.GetUtcNow()));
    }

    /// <inheritdoc/>
    public void Dispose() => _attempts.Dispose();

    private string? Redeem(JoinToken token, PublicKey key, DateTimeOffset now)
    {
        try
        {
            return _directory.Tokens.Redeem(token, CertificateRules.HashOf(key), now);
        }
        catch (InvalidInputException e)
        {
            return $"its token cannot be looked at: {e.Message}";
        }
    }

    private CertificateReply Issue(PublicKey key, PeerIdentity identity, DateTimeOffset now)
    {
        using var certificate = _directory.Authority.Issue(key, identity, now, CertificateAuthority.WorkerLifetime);
        return new CertificateReply { Certificate = ByteString.CopyFrom(certificate.RawData) };
    }

    private PublicKey Read(ByteString request, ConnectionInfo connection)
    {
        try
        {
            return CertificateAuthority.ReadRequest(request.Span);
        }
        catch (InvalidInputException e)
        {
            throw Refuse(connection, StatusCode.InvalidArgument, e.Message, e.Message);
        }
    }

    private RpcException Refuse(ConnectionInfo connection, StatusCode status, string forLog, string forPeer)
    {
        var address = connection.RemoteIpAddress ?? IPAddress.None;
        _reports.Tell(address, $"{address}:{connection.RemotePort}", forLog);
        return new RpcException(new Status(status, forPeer));
    }
}
