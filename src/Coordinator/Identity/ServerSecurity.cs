using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using DistTrain.Transport.Identity;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator.Identity;

/// <summary>TLS on the coordinator's port, and what strangers may do there.</summary>
/// <param name="Gate">Who may make which call.</param>
/// <param name="Limits">How many strangers there may be.</param>
/// <param name="Enrollment">Gives certificates.</param>
/// <param name="Certificate">What the server shows.</param>
/// <param name="Authority">Who signs what peers show.</param>
/// <param name="HandshakeTimeout">How long a handshake may take.</param>
internal sealed record ServerSecurity(Gatekeeper Gate, StrangerLimits Limits, EnrollmentService Enrollment, X509Certificate2 Certificate, X509Certificate2 Authority, TimeSpan HandshakeTimeout) : IDisposable
{
    /// <summary>That of a run.</summary>
    /// <param name="identity">Who the coordinator is and whom it trusts.</param>
    /// <param name="patience">How long a stranger may take to say who it is.</param>
    /// <param name="quarantine">Who may not come back.</param>
    /// <param name="refused">Told of those turned away: address and reason.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Where else it is told.</param>
    public static ServerSecurity Of(
        IdentityDirectory identity, TimeSpan patience, Quarantine quarantine, Action<string, string> refused, TimeProvider time, ILogger log)
    {
        var reports = new RefusalReports(time, refused);
        return new ServerSecurity(
            new Gatekeeper(identity, reports, time),
            new StrangerLimits(time, patience, reports),
            new EnrollmentService(identity, quarantine, reports, time, log),
            identity.IssueServer(time.GetUtcNow()),
            identity.Authority.Certificate,
            patience);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Enrollment.Dispose();
        Certificate.Dispose();
    }

    /// <summary>Puts both in front of everything that reads from a connection.</summary>
    public void Secure(ListenOptions listen)
    {
        // Made once, and of this certificate alone: the library would look for its issuers at each handshake.
        var shown = SslStreamCertificateContext.Create(Certificate, additionalCertificates: null, offline: true);
        listen.Use(next => connection => Limits.ServeAsync(connection, () => next(connection)));
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = HandshakeTimeout,
            OnConnection = handshake => ValueTask.FromResult(Options(handshake.Connection, shown)),
        });
    }

    private SslServerAuthenticationOptions Options(ConnectionContext connection, SslStreamCertificateContext shown)
    {
        // Until it has shown something.
        Gate.Look(connection, null);
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = shown,
            // Of each handshake its own: the library adds to it what the peer sends along.
            CertificateChainPolicy = CertificateRules.Policy(Authority),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            // Asked for, and not insisted on: a worker that joins has none yet. What is shown is judged by the gate, which answers with words where a handshake would only break.
            ClientCertificateRequired = true,
#pragma warning disable CA5359 // Of clients', not of servers'; and judged by the gate, call by call.
            RemoteCertificateValidationCallback = (_, certificate, _, _) =>
            {
                Gate.Look(connection, certificate);
                return true;
            },
#pragma warning restore CA5359
        };
    }
}
