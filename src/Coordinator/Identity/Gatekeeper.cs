using System.Net;
using System.Security.Cryptography.X509Certificates;
using DistTrain.Transport.Identity;
using Grpc.Core;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace DistTrain.Coordinator.Identity;

/// <summary>
/// (9.2) Who may make which call, decided before a byte of its body is read, by the certificate of the connection alone. What a stranger sends is neither
/// parsed nor repeated in a log.
/// </summary>
internal sealed class Gatekeeper(IdentityDirectory directory, RefusalReports reports, TimeProvider time)
{
    /// <summary>Calls in vain after which a connection is closed.</summary>
    private const int PatienceWithStrangers = 16;

    private const string AuthorityPath = "/disttrain.v1.Enrollment/Authority";
    private const string EnrollPath = "/disttrain.v1.Enrollment/Enroll";
    private const string RenewPath = "/disttrain.v1.Enrollment/Renew";
    private const string TrainingPaths = "/disttrain.v1.Training/";

    private static readonly object IdentityKey = new();
    private static readonly object VainKey = new();

    /// <summary>At the end of the TLS handshake: looks at what the peer has shown.</summary>
    /// <param name="connection">Whose; told if it is one of ours, and then no stranger any more.</param>
    /// <param name="certificate">What it has shown; null for nothing.</param>
    public void Look(ConnectionContext connection, X509Certificate? certificate)
    {
        if (certificate is not X509Certificate2 shown)
        {
            connection.Items[IdentityKey] = new Shown(null, default, "it showed no certificate");
            return;
        }

        var verdict = CertificateRules.Judge(shown, directory.Authority.Certificate, time.GetUtcNow());
        // Who was given a certificate may learn that it is out of time, and by whose clock.
        connection.Items[IdentityKey] = new Shown(verdict.Identity, shown.NotAfter.ToUniversalTime(), verdict.Reason, verdict.IsOurs);
        if (verdict.Identity is not null)
        {
            StrangerLimits.Know(connection);
        }
    }

    /// <summary>Who makes a call; null for a stranger.</summary>
    public static PeerIdentity? WhoIs(HttpContext context) => Find(context).Identity;

    /// <summary>Lets a call through, or answers it.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (Refuse(Find(context), context.Request.Path.Value ?? "") is not { } refusal)
        {
            await next(context);
            return;
        }

        var peer = context.Connection.RemoteIpAddress ?? IPAddress.None;
        reports.Tell(peer, $"{peer}:{context.Connection.RemotePort}", refusal.ForLog);
        context.Response.ContentType = "application/grpc";
        context.Response.Headers["grpc-status"] = ((int)refusal.Status).ToString(System.Globalization.CultureInfo.InvariantCulture);
        context.Response.Headers["grpc-message"] = Uri.EscapeDataString(refusal.ForPeer);
        if (Items(context) is { } items && (items[VainKey] = 1 + (items.TryGetValue(VainKey, out var before) ? (int)before! : 0)) is >= PatienceWithStrangers)
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
            return new Refusal(StatusCode.Unauthenticated, "its certificate has ended since it connected", "The certificate has ended. Connect anew.");
        }

        if (identity.Role != needed)
        {
            var text = $"the certificate of role {PeerIdentity.RoleName(identity.Role)} does not allow this; it takes that of role {PeerIdentity.RoleName(needed)}";
            return new Refusal(StatusCode.PermissionDenied, text, $"{char.ToUpperInvariant(text[0])}{text[1..]}.");
        }

        return MayStay(identity) ? null
            : new Refusal(StatusCode.PermissionDenied, $"it came by token {identity.TokenId}, which was revoked", $"Token {identity.TokenId} was revoked, and with it this certificate.");
    }

    /// <summary>What a call takes. Paths that no service has take what steering takes: nobody finds out which there are.</summary>
    private static PeerRole Needed(string path) =>
        path is AuthorityPath or EnrollPath ? PeerRole.None
        : path == RenewPath || path.StartsWith(TrainingPaths, StringComparison.Ordinal) ? PeerRole.Worker
        : PeerRole.Operator;

    private static Shown Find(HttpContext context) =>
        Items(context) is { } items && items.TryGetValue(IdentityKey, out var found) && found is Shown shown ? shown : new Shown(null, default, "it showed no certificate");

    private static IDictionary<object, object?>? Items(HttpContext context) => context.Features.Get<IConnectionItemsFeature>()?.Items;

    private sealed record Shown(PeerIdentity? Identity, DateTime EndUtc, string Reason, bool IsOurs = false);

    private sealed record Refusal(StatusCode Status, string ForLog, string ForPeer);
}
