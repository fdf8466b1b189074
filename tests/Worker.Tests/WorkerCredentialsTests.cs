using System.Security.Cryptography.X509Certificates;
using DistTrain.Transport.Identity;
using DistTrain.Transport.Wire;
using DistTrain.Worker.Identity;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Worker.Tests;

/// <summary>A certificate that is renewed while a worker lives, whatever fails meanwhile.</summary>
public sealed class WorkerCredentialsTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly PeerIdentity Worker = new(PeerRole.Worker, "0123456789abcdef", "01234567");

    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-test-").FullName;
    private readonly CertificateAuthority _authority = CertificateAuthority.Create(Start);
    private readonly HastyTime _time = new(Start);
    private readonly Lines _log = new();

    private string KeptFile => Path.Combine(_directory, "worker.pem");

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Nobody answers; what comes is no certificate; the file cannot be written. Each is told of, and the next attempt comes.</summary>
    [Fact]
    public async Task Renewal_ThatFails_IsTriedAgainBeforeTheCertificateEnds()
    {
        using var credentials = Kept();
        // The file cannot be replaced: a directory is in its place.
        File.Delete(KeptFile);
        Directory.CreateDirectory(Path.Combine(KeptFile, "in the way"));
        using var stop = new CancellationTokenSource();
        var before = Shown(credentials);
        List<DateTimeOffset> attempts = [];
        X509Certificate2? afterThird = null;
        var invoker = new RenewalInvoker(request =>
        {
            attempts.Add(_time.GetUtcNow());
            switch (attempts.Count)
            {
                case 1: throw new RpcException(new Status(StatusCode.Unavailable, "nobody there"));
                case 2: return new CertificateReply { Certificate = ByteString.CopyFromUtf8("nonsense") };
                case 3: return Issue(request);
                default:
                    afterThird = Shown(credentials);
                    stop.Cancel();
                    throw new RpcException(new Status(StatusCode.Cancelled, "the worker ends"));
            }
        });

        await credentials.RenewAsync(invoker, stop.Token);

        var end = new DateTimeOffset(before.NotAfter.ToUniversalTime());
        Assert.Equal(4, attempts.Count);
        // After two thirds, and then each minute.
        Assert.InRange(attempts[0], end - (CertificateAuthority.WorkerLifetime / 3) - TimeSpan.FromMinutes(30), end - (CertificateAuthority.WorkerLifetime / 3) + TimeSpan.FromMinutes(10));
        Assert.Equal([TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)], [attempts[1] - attempts[0], attempts[2] - attempts[1]]);
        Assert.True(attempts[3] - attempts[2] > CertificateAuthority.WorkerLifetime / 2, "the third attempt did not renew it");
        Assert.True(afterThird!.NotAfter > before.NotAfter);
        Assert.Equal([207, 207, 209, 206], _log.Events.Where(id => id is >= 206 and <= 209));
    }

    private WorkerCredentials Kept()
    {
        using var certificate = _authority.IssueWithKey(Worker, Start, CertificateAuthority.WorkerLifetime);
        using var credentials = new PeerCredentials(certificate, X509CertificateLoader.LoadCertificate(_authority.Certificate.RawData));
        PrivateFile.Write(KeptFile, credentials.ToPem());
        return new WorkerCredentials(new WorkerOptions { Coordinator = "127.0.0.1:1", CertificateFile = KeptFile }, _log, _time);
    }

    private CertificateReply Issue(RenewRequest request)
    {
        using var certificate = _authority.Issue(
            CertificateAuthority.ReadRequest(request.CertificateRequest.Span), Worker, _time.GetUtcNow(), CertificateAuthority.WorkerLifetime);
        return new CertificateReply { Certificate = ByteString.CopyFrom(certificate.RawData) };
    }

    private static X509Certificate2 Shown(WorkerCredentials credentials) =>
        (X509Certificate2)credentials.Client()!.LocalCertificateSelectionCallback!(new object(), "", [], null, [])!;

    /// <summary>Whatever is waited for has passed at once.</summary>
    private sealed class HastyTime(DateTimeOffset start) : FakeTimeProvider(start)
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            // Not before the caller has the timer.
            _ = Task.Run(() => Advance(dueTime));
            return timer;
        }
    }

    /// <summary>A connection on which the one call is answered here.</summary>
    private sealed class RenewalInvoker(Func<RenewRequest, CertificateReply> answer) : CallInvoker
    {
        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            new(AnswerAsync<TResponse>((RenewRequest)(object)request), Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });

        public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            throw new NotSupportedException();

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            throw new NotSupportedException();

        private async Task<TResponse> AnswerAsync<TResponse>(RenewRequest request)
        {
            await Task.Yield();
            return (TResponse)(object)answer(request);
        }
    }

    private sealed class Lines : ILogger
    {
        public List<int> Events { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Events.Add(eventId.Id);
    }
}
