using System.Net;
using System.Security.Cryptography.X509Certificates;
using DistTrain.Coordinator.Identity;
using DistTrain.Transport.Identity;
using Grpc.Core;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Coordinator.Tests.Identity;

/// <summary>Who may make which call, by the certificate alone.</summary>
public sealed class GatekeeperTests : IDisposable
{
    private const string Attach = "/disttrain.v1.Training/Attach";
    private const string Renew = "/disttrain.v1.Enrollment/Renew";
    private const string Enroll = "/disttrain.v1.Enrollment/Enroll";
    private const string Status = "/disttrain.v1.Control/Status";

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-gate-").FullName;
    private readonly List<string> _told = [];
    private readonly IdentityDirectory _identity;
    private readonly RefusalReports _reports;
    private readonly Gatekeeper _gate;

    public GatekeeperTests()
    {
        _identity = IdentityDirectory.Open(Path.Combine(_directory, "identity"), _time.GetUtcNow());
        _reports = new RefusalReports(_time, (_, reason) => _told.Add(reason));
        _gate = new Gatekeeper(_identity, _reports, _time);
    }

    public void Dispose()
    {
        _identity.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Routes do not tell upper case from lower, so the gate must not either.</summary>
    [Theory]
    [InlineData(PeerRole.None, "/disttrain.v1.Enrollment/Authority", true)]
    [InlineData(PeerRole.None, Enroll, true)]
    [InlineData(PeerRole.None, Renew, false)]
    [InlineData(PeerRole.None, Attach, false)]
    [InlineData(PeerRole.None, Status, false)]
    [InlineData(PeerRole.None, "/anything", false)]
    [InlineData(PeerRole.Worker, Renew, true)]
    [InlineData(PeerRole.Worker, Attach, true)]
    [InlineData(PeerRole.Worker, "/disttrain.v1.Training/Heartbeat", true)]
    [InlineData(PeerRole.Worker, "/DISTTRAIN.V1.CONTROL/STATUS", false)]
    [InlineData(PeerRole.Worker, Status, false)]
    [InlineData(PeerRole.Worker, "/anything", false)]
    [InlineData(PeerRole.Operator, Status, true)]
    [InlineData(PeerRole.Operator, Attach, false)]
    [InlineData(PeerRole.Operator, "/disttrain.v1.training/attach", false)]
    [InlineData(PeerRole.Operator, "/disttrain.v1.enrollment/RENEW", false)]
    [InlineData(PeerRole.Coordinator, Attach, false)]
    [InlineData(PeerRole.Coordinator, Status, false)]
    public async Task Call_ByRole(PeerRole role, string path, bool isAllowed)
    {
        using var connection = Connect(role == PeerRole.None ? null : Certificate(role));
        var (wasLet, context) = await CallAsync(connection, path);

        Assert.Equal(isAllowed, wasLet);
        Assert.Equal(isAllowed ? "" : $"{(int)(role == PeerRole.None ? StatusCode.Unauthenticated : StatusCode.PermissionDenied)}", StatusOf(context));
    }

    [Theory]
    [InlineData(Attach)]
    [InlineData(Renew)]
    public async Task Call_ByARevokedToken_IsRefused(string path)
    {
        var token = _identity.Tokens.Create(_time.GetUtcNow(), TimeSpan.FromHours(1));
        using var connection = Connect(Certificate(PeerRole.Worker, token.Id));
        Assert.True((await CallAsync(connection, path)).WasLet);

        _identity.Tokens.Revoke(token.Id, _time.GetUtcNow());

        var (wasLet, context) = await CallAsync(connection, path);
        Assert.False(wasLet);
        Assert.Equal($"{(int)StatusCode.PermissionDenied}", StatusOf(context));
    }

    /// <summary>It may have another one by now, and shows that on the next connection.</summary>
    [Fact]
    public async Task Call_AfterTheCertificateHasEnded_ComesAgainOnAnotherConnection()
    {
        using var connection = Connect(Certificate(PeerRole.Worker));
        _time.Advance(CertificateAuthority.WorkerLifetime - TimeSpan.FromMinutes(1));
        Assert.True((await CallAsync(connection, Attach)).WasLet);
        _time.Advance(TimeSpan.FromMinutes(2));

        var (wasLet, context) = await CallAsync(connection, Attach);

        Assert.False(wasLet);
        Assert.Equal($"{(int)StatusCode.Unavailable}", StatusOf(context));
        Assert.True(connection.IsAskedToClose);
    }

    /// <summary>Calls come on many streams at once.</summary>
    [Fact]
    public async Task Stranger_KnockingAtOnce_IsHungUpOnAtTheSixteenth()
    {
        using var connection = Connect(null);
        await Parallel.ForAsync(0, Gatekeeper.Patience - 1, async (_, _) => await CallAsync(connection, Attach));
        Assert.False(connection.IsAborted);

        await CallAsync(connection, Status);

        Assert.True(connection.IsAborted);
    }

    [Fact]
    public async Task Stranger_EnrollingAgainAndAgain_IsHungUpOn()
    {
        using var connection = Connect(null);
        for (var i = 0; i < Gatekeeper.Patience; i++)
        {
            Assert.False(connection.IsAborted);
            Assert.True((await CallAsync(connection, Enroll)).WasLet);
        }

        Assert.True(connection.IsAborted);
    }

    [Fact]
    public async Task Worker_CallingOften_Stays()
    {
        using var connection = Connect(Certificate(PeerRole.Worker));
        for (var i = 0; i < 3 * Gatekeeper.Patience; i++)
        {
            Assert.True((await CallAsync(connection, "/disttrain.v1.Training/Heartbeat")).WasLet);
        }

        Assert.False(connection.IsAborted);
    }

    [Theory]
    [InlineData(StatusCode.Internal, true)]
    [InlineData(StatusCode.Unknown, true)]
    [InlineData(StatusCode.OK, false)]
    [InlineData(StatusCode.Unauthenticated, false)]
    public async Task Request_ThatCannotBeRead_IsTold(StatusCode status, bool isTold)
    {
        using var connection = Connect(null);
        await CallAsync(connection, Enroll, status);
        Assert.Equal(isTold ? [$"its request to join cannot be read (status {(int)status})"] : [], _told);
    }

    /// <summary>Whom the gate lets in is no stranger any more; whose token was revoked stays one.</summary>
    [Theory]
    [InlineData(PeerRole.Worker, false, true)]
    [InlineData(PeerRole.Operator, false, true)]
    [InlineData(PeerRole.Worker, true, false)]
    [InlineData(PeerRole.None, false, false)]
    public async Task Connection_OfWhoIsLetIn_OutlastsAStrangers(PeerRole role, bool isRevoked, bool stays)
    {
        var patience = TimeSpan.FromSeconds(10);
        var limits = new StrangerLimits(_time, patience, _reports);
        var token = _identity.Tokens.Create(_time.GetUtcNow(), TimeSpan.FromHours(1));
        if (isRevoked)
        {
            _identity.Tokens.Revoke(token.Id, _time.GetUtcNow());
        }

        using var connection = new Connection();
        var end = new TaskCompletionSource();
        var serving = limits.ServeAsync(connection, () =>
        {
            using var certificate = role == PeerRole.None ? null : Certificate(role, role == PeerRole.Worker ? token.Id : "");
            _gate.Look(connection, certificate);
            return end.Task;
        });
        _time.Advance(patience * 2);
        end.SetResult();
        await serving;

        Assert.Equal(stays, !connection.IsAborted);
    }

    private Connection Connect(X509Certificate2? certificate)
    {
        using (certificate)
        {
            var connection = new Connection();
            _gate.Look(connection, certificate);
            return connection;
        }
    }

    private X509Certificate2 Certificate(PeerRole role, string token = "") => _identity.Authority.IssueWithKey(
        new PeerIdentity(role, CertificateAuthority.RandomName(), token), _time.GetUtcNow(), CertificateAuthority.WorkerLifetime);

    private async Task<(bool WasLet, HttpContext Context)> CallAsync(Connection connection, string path, StatusCode? status = null)
    {
        var context = new DefaultHttpContext();
        context.Features.Set<IConnectionItemsFeature>(connection);
        context.Features.Set<IConnectionLifetimeFeature>(connection);
        context.Features.Set<IConnectionLifetimeNotificationFeature>(connection);
        var trailers = new TrailersFeature();
        context.Features.Set<IHttpResponseTrailersFeature>(trailers);
        context.Request.Path = path;
        context.Connection.RemoteIpAddress = IPAddress.Loopback;
        var wasLet = false;
        await _gate.InvokeAsync(context, _ =>
        {
            wasLet = true;
            trailers.Trailers["grpc-status"] = status is { } known ? $"{(int)known}" : "";
            return Task.CompletedTask;
        });
        return (wasLet, context);
    }

    private static string StatusOf(HttpContext context) => context.Response.Headers["grpc-status"].ToString();

    private sealed class TrailersFeature : IHttpResponseTrailersFeature
    {
        public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();
    }

    private sealed class Connection : DefaultConnectionContext, IConnectionLifetimeNotificationFeature, IDisposable
    {
        public bool IsAborted { get; private set; }

        public bool IsAskedToClose { get; private set; }

        CancellationToken IConnectionLifetimeNotificationFeature.ConnectionClosedRequested { get; set; }

        public override void Abort(ConnectionAbortedException abortReason) => IsAborted = true;

        public override void Abort() => IsAborted = true;

        public void RequestClose() => IsAskedToClose = true;

        public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
