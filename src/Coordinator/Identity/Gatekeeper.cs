using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using DistTrain.Transport.Identity;
using Grpc.Core;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistTrain.Coordinator.Identity;

/// <summary>
/// (9.2) Who may make which call, decided before a byte of its body is read, by the certificate of the connection alone. What a stranger sends is neither
/// parsed nor repeated in a log.
/// </summary>
internal sealed class Gatekeeper(IdentityDirectory directory, RefusalReports reports, TimeProvider time)
{
    /// <summary>Calls after which a stranger's connection is closed, and calls in vain after which anybody's is: a worker that joins makes one on each.</summary>
    internal const int Patience = 16;

    private const string AuthorityPath = "/disttrain.v1.Enrollment/Authority";
    private const string EnrollPath = "/disttrain.v1.Enrollment/Enroll";
    private const string RenewPath = "/disttrain.v1.Enrollment/Renew";
    private const string TrainingPaths = "/disttrain.v1.Training/";

    /// <summary>How a service that strangers may call ends a call: well, or as it says itself, and then it has told of it.</summary>
    private static readonly FrozenSet<string> Foreseen = new[] { StatusCode.OK, StatusCode.Unauthenticated, StatusCode.PermissionDenied, StatusCode.InvalidArgument, StatusCode.ResourceExhausted }
        .Select(status => ((int)status).ToString(CultureInfo.InvariantCulture)).ToFrozenSet();

    private static readonly object IdentityKey = new();

    /// <summary>At the end of the TLS handshake: looks at what the peer has shown.</summary>
    /// <param name="connection">Whose; told if it is one of ours, and then no stranger any more.</param>
    /// <param name="certificate">What it has shown; null for nothing.</param>
    public void Look(ConnectionContext connection, X509Certificate? certificate)
    {
        if (certificate is not X509Certificate2 shown)
        {
            connection.Items[IdentityKey] = Nothing();
            return;
        }

        var verdict = CertificateRules.Judge(shown, directory.Authority.Certificate, time.GetUtcNow());
        // Who was given a certificate may learn that it is out of time, and by whose clock.
        connection.Items[IdentityKey] = new Shown(verdict.Identity, shown.NotAfter.ToUniversalTime(), verdict.Reason, verdict.IsOurs);
        if (verdict.Identity is { } identity && MayStay(identity))
        {
            StrangerLimits.Know(connection);
        }
    }

    /// <summary>Who makes a call; null for a stranger.</summary>
    public static PeerIdentity? WhoIs(HttpContext context) => Find(context).Identity;

    /// <summary>Lets a call through, or answers it.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var (shown, path) = (Find(context), context.Request.Path.Value ?? "");
        var refusal = Refuse(shown, path);
        if (refusal is null)
        {
            await next(context);
            if (Needed(path) != PeerRole.None)
            {
                return;
            }

            // Open to strangers, whose requests may be anything. The library's own line about one it cannot read, with a stack trace, is dropped
            // (ServerLoggerFactory): this one counts among the refusals.
            if (Unreadable(context) is { } status)
            {
                Tell(context, $"its request to join cannot be read (status {status})");
            }
        }
        else
        {
            Tell(context, refusal.ForLog);
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = ((int)refusal.Status).ToString(CultureInfo.InvariantCulture);
            context.Response.Headers["grpc-message"] = Uri.EscapeDataString(refusal.ForPeer);
            if (refusal.Status == StatusCode.Unavailable)
            {
                // Whoever comes again comes on another connection, and shows what it has by now.
                context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
            }
        }

        if (shown.CountCall() >= Patience)
        {
            // Of the whole connection: a call's own end would be that of a stream.
            context.Features.Get<IConnectionLifetimeFeature>()?.Abort();
        }
    }

    /// <summary>Whether a worker that was let in may stay: its token may have been revoked since.</summary>
    public bool MayStay(PeerIdentity identity) => identity.TokenId.Length == 0 || !directory.Tokens.IsRevoked(identity.TokenId);

    private Refusal? Refuse(Shown shown, string path)
    {
        var needed = Needed(path);
        if (needed == PeerRole.None)
        {
            return null;
        }

        if (shown.Identity is not { } identity)
        {
            return new Refusal(
                StatusCode.Unauthenticated, shown.Reason, shown.IsOurs ? $"On the coordinator's machine: {shown.Reason}." : "A certificate of this coordinator's is needed.");
        }

        if (time.GetUtcNow().UtcDateTime > shown.EndUtc)
        {
            return new Refusal(StatusCode.Unavailable, "its certificate has ended since it connected", "The certificate has ended since it was shown. Connect anew.");
        }

        if (identity.Role != needed)
        {
            var text = $"the certificate of role {PeerIdentity.RoleName(identity.Role)} does not allow this; it takes that of role {PeerIdentity.RoleName(needed)}";
            return new Refusal(StatusCode.PermissionDenied, text, $"{char.ToUpperInvariant(text[0])}{text[1..]}.");
        }

        return MayStay(identity) ? null
            : new Refusal(StatusCode.PermissionDenied, $"it came by token {identity.TokenId}, which was revoked", $"Token {identity.TokenId} was revoked, and with it this certificate.");
    }

    /// <summary>
    /// What a call takes. Paths that no service has take what steering takes: nobody finds out which there are. Routes do not tell upper case from lower,
    /// so neither does this.
    /// </summary>
    private static PeerRole Needed(string path)
    {
        return Is(AuthorityPath) || Is(EnrollPath) ? PeerRole.None
            : Is(RenewPath) || path.StartsWith(TrainingPaths, StringComparison.OrdinalIgnoreCase) ? PeerRole.Worker
            : PeerRole.Operator;

        bool Is(string call) => path.Equals(call, StringComparison.OrdinalIgnoreCase);
    }

    private static Shown Find(HttpContext context) =>
        context.Features.Get<IConnectionItemsFeature>()?.Items is { } items && items.TryGetValue(IdentityKey, out var found) && found is Shown shown ? shown : Nothing();

    private static Shown Nothing() => new(null, default, "it showed no certificate");

    /// <summary>The status of a call that its service never saw, or did not end as it meant to.</summary>
    private static string? Unreadable(HttpContext context)
    {
        var status = context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers["grpc-status"].ToString() is { Length: > 0 } trailer
            ? trailer
            : context.Response.Headers["grpc-status"].ToString();
        return status.Length > 0 && !Foreseen.Contains(status) ? status : null;
    }

    private void Tell(HttpContext context, string reason)
    {
        var peer = context.Connection.RemoteIpAddress ?? IPAddress.None;
        reports.Tell(peer, $"{peer}:{context.Connection.RemotePort}", reason);
    }

    /// <summary>What a connection's peer has shown, and how many calls it has made in vain, or as a stranger: many at once, perhaps.</summary>
    private sealed record Shown(PeerIdentity? Identity, DateTime EndUtc, string Reason, bool IsOurs = false)
    {
        private int _calls;

        public int CountCall() => Interlocked.Increment(ref _calls);
    }

    private sealed record Refusal(StatusCode Status, string ForLog, string ForPeer);
}
