using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DistTrain.Coordinator;
using DistTrain.Coordinator.Identity;
using DistTrain.Core.Kernels;
using DistTrain.Core.Training;
using DistTrain.Transport.Identity;
using DistTrain.Transport.Wire;
using DistTrain.Worker;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistTrain.Cluster.Tests;

/// <summary>With TLS: the same bits, nothing in clear on the wire, and nobody gets in who cannot show who he is (row H1).</summary>
public sealed class IdentityTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-identity-").FullName;
    private readonly IdentityDirectory _identity;

    // Some days old, so that there can be certificates that have ended.
    public IdentityTests() => _identity = IdentityDirectory.Open(Path.Combine(_directory, "identity"), DateTimeOffset.UtcNow - TimeSpan.FromDays(5));

    private CoordinatorOptions Options => new() { Identity = _identity, GoodbyeDeadline = TimeSpan.FromSeconds(0.2), StartTimeout = TimeSpan.FromSeconds(60) };

    public void Dispose()
    {
        _identity.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    public async Task Training_OverTls_SameHash(int workers, bool sharesMemory)
    {
        var spec = SmallRun.Spec(steps: 25);
        await using var cluster = await TestCluster.StartAsync(spec, Options with { WorkersToStart = workers });
        var token = NewToken();
        for (var i = 0; i < workers; i++)
        {
            _ = Start(cluster, options => options with { Token = token, SharesMemory = sharesMemory });
        }

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
        Assert.Equal(workers, cluster.Joined.Count);
        // Each has an identity of its own, by the same token.
        Assert.Equal(workers, cluster.Joined.Select(worker => worker.Identity!.Name).Distinct().Count());
        Assert.All(cluster.Joined, worker => Assert.Equal((PeerRole.Worker, token.Id), (worker.Identity!.Role, worker.Identity.TokenId)));
        Assert.DoesNotContain(cluster.LogLines, line => line.Contains(token.Reveal(), StringComparison.Ordinal));
    }

    /// <summary>The parameters of the first broadcast, looked for in what passed: there in clear, and not over TLS.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Wire_Watched_ShowsParametersOnlyInClear(bool tls)
    {
        var spec = SmallRun.Spec(steps: 3);
        await using var cluster = await TestCluster.StartAsync(spec, tls ? Options : Options with { Identity = null });
        var passed = new MemoryStream();
        await using var proxy = new LoopbackProxy(cluster.Run.EndPoint, (bytes, _) =>
        {
            lock (passed)
            {
                passed.Write(bytes.Span);
            }

            return ValueTask.FromResult(bytes.Length);
        });
        var token = NewToken();
        _ = Start(cluster, options => options with { Coordinator = $"{proxy.EndPoint}", SharesMemory = false, Token = tls ? token : null }, hash: tls);
        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        using var initial = new TrainingState(spec, VectorKernels.Best);
        var secret = MemoryMarshal.AsBytes(initial.Parameters.Values[..16]);
        lock (passed)
        {
            Assert.Equal(!tls, passed.ToArray().AsSpan().IndexOf(secret) >= 0);
            Assert.Equal(-1, passed.ToArray().AsSpan().IndexOf(token.Secret));
            Assert.Equal(-1, passed.ToArray().AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(token.Reveal())));
        }
    }

    public static TheoryData<string, string, string> Strangers => new()
    {
        { "no certificate", "", "it showed no certificate" },
        { "in clear", "", "" },
        { "wrong token", "The token is wrong, expired, used up or revoked", "a token that this coordinator never gave" },
        { "another's secret", "The token is wrong, expired, used up or revoked", "a token that this coordinator never gave" },
        { "expired token", "The token is wrong, expired, used up or revoked", "which expired 60 min ago" },
        { "used token", "The token is wrong, expired, used up or revoked", "which is used up" },
        { "revoked token", "The token is wrong, expired, used up or revoked", "which was revoked" },
        { "wrong authority", "not to sha256:", "" },
        { "self-signed", "A certificate of this coordinator's is needed", "its certificate is of another authority" },
        { "expired certificate", "On the coordinator's machine: its certificate ended at", "was 26 h ago" },
        { "expired certificate, kept", "give --token and --ca-hash", "" },
        { "certificate of a revoked token", "was revoked, and with it this certificate", "which was revoked" },
        { "operator's certificate", "does not allow this; it takes that of role worker", "role operator does not allow this" },
    };

    /// <summary>H1: each is refused for good, the log names its address, and the run ends as without it.</summary>
    [Theory]
    [MemberData(nameof(Strangers))]
    public async Task Stranger_WrongInOneThing_IsRefusedAndTheHashIsTheSame(string what, string told, string logged)
    {
        var spec = SmallRun.Spec(steps: 4);
        await using var cluster = await TestCluster.StartAsync(spec, Options);
        var now = DateTimeOffset.UtcNow;
        using var other = IdentityDirectory.Open(Path.Combine(_directory, "other"), now);
        var outcome = await (what switch
        {
            "no certificate" => CallAsync(cluster, certificate: null),
            "in clear" => Start(cluster, options => options with { StartTimeout = TimeSpan.FromSeconds(1) }, hash: false),
            "wrong token" => Start(cluster, options => options with { Token = JoinToken.Create() }),
            "another's secret" => Start(cluster, options => options with { Token = NewToken() with { Secret = NewToken().Secret } }),
            "expired token" => Start(cluster, options => options with { Token = _identity.Tokens.Create(now - TimeSpan.FromHours(2), TimeSpan.FromHours(1)) }),
            "used token" => StartTwice(cluster),
            "revoked token" => Start(cluster, options => options with { Token = Revoked(NewToken()) }),
            "wrong authority" => Start(cluster, options => options with { Token = other.Tokens.Create(now, TimeSpan.FromHours(1)), AuthorityHash = other.Authority.Hash }),
            "self-signed" => Start(cluster, options => options with { CertificateFile = Certificate(other, PeerRole.Worker, now) }),
            "expired certificate" => CallAsync(cluster, Certificate(_identity, PeerRole.Worker, now - TimeSpan.FromHours(50))),
            "expired certificate, kept" => Start(cluster, options => options with { CertificateFile = Certificate(_identity, PeerRole.Worker, now - TimeSpan.FromHours(50)) }),
            "certificate of a revoked token" => Start(cluster, options => options with { CertificateFile = Certificate(_identity, PeerRole.Worker, now, Revoked(NewToken()).Id) }),
            "operator's certificate" => Start(cluster, options => options with { CertificateFile = Path.Combine(_identity.Path, IdentityDirectory.OperatorFile) }),
            _ => throw new ArgumentOutOfRangeException(nameof(what)),
        });

        Assert.Equal(what == "in clear" ? WorkerOutcome.NoCoordinator : WorkerOutcome.Refused, outcome.ExitCode);
        Assert.Contains(told, outcome.Reason, StringComparison.Ordinal);
        if (logged.Length > 0)
        {
            await cluster.UntilAsync(() => cluster.Refused.Any(line => line.Contains(logged, StringComparison.Ordinal)));
            Assert.Contains(cluster.LogLines, line => line.Contains("127.0.0.1:", StringComparison.Ordinal) && line.Contains(logged, StringComparison.Ordinal));
        }

        Assert.Empty(cluster.Joined);
        _ = Start(cluster, options => options with { Token = NewToken() });
        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        async Task<WorkerOutcome> StartTwice(TestCluster to)
        {
            var token = _identity.Tokens.Create(now, TimeSpan.FromHours(1), uses: 1);
            Assert.Null(_identity.Tokens.Redeem(token, "another", now));
            return await Start(to, options => options with { Token = token });
        }
    }

    /// <summary>Whoever pretends to be the coordinator gets no token to see.</summary>
    [Fact]
    public async Task Token_ToAnotherCoordinator_IsNotSent()
    {
        using var other = IdentityDirectory.Open(Path.Combine(_directory, "other"), DateTimeOffset.UtcNow);
        await using var impostor = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), Options with { Identity = other });
        // It gives the very token: if it came, the worker would be let in.
        var token = other.Tokens.Create(DateTimeOffset.UtcNow, TimeSpan.FromHours(1), uses: 1);

        var outcome = await impostor.StartLocalWorker(
            options => options with { Token = token, AuthorityHash = _identity.Authority.Hash }, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal(WorkerOutcome.Refused, outcome.ExitCode);
        Assert.Contains($"{other.Authority.Hash}, not to {_identity.Authority.Hash}", outcome.Reason, StringComparison.Ordinal);
        Assert.Equal(1, other.Tokens.List().Single(kept => kept.Id == token.Id).UsesLeft);
    }

    /// <summary>The connection that the token goes over is checked like the first: somebody may have slipped in between.</summary>
    [Fact]
    public async Task Token_WhenSomebodyElseAnswersTheSecondConnection_IsNotSent()
    {
        using var other = IdentityDirectory.Open(Path.Combine(_directory, "other"), DateTimeOffset.UtcNow);
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), Options);
        await using var impostor = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), Options with { Identity = other });
        await using var proxy = new LoopbackProxy(connection => connection == 0 ? cluster.Run.EndPoint : impostor.Run.EndPoint);
        // It gives the very token: if it came, a use would be counted.
        var token = other.Tokens.Create(DateTimeOffset.UtcNow, TimeSpan.FromHours(1), uses: 1);

        var outcome = await Start(cluster, options => options with { Coordinator = $"{proxy.EndPoint}", Token = token });

        Assert.Equal(WorkerOutcome.Refused, outcome.ExitCode);
        Assert.Contains("is not the coordinator that was meant", outcome.Reason, StringComparison.Ordinal);
        Assert.Equal(1, other.Tokens.List().Single(kept => kept.Id == token.Id).UsesLeft);
    }

    /// <summary>A certificate may say where its issuer's is to be had. Nobody asks there: it would be the stranger who says what the coordinator fetches.</summary>
    [Fact]
    public async Task Stranger_WhoseCertificateNamesAnAddress_HasNothingFetchedFromThere()
    {
        using var trap = new TcpListener(System.Net.IPAddress.Loopback, 0);
        trap.Start();
        var now = DateTimeOffset.UtcNow;
        using var issuer = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=stranger", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension(null, [$"http://{trap.LocalEndpoint}/issuer.crt"]));
        using var certificate = request.Create(new X500DistinguishedName("CN=nobody"), X509SignatureGenerator.CreateForECDsa(issuer), now.AddHours(-1), now.AddHours(1), [1]);
        using var withKey = certificate.CopyWithPrivateKey(key);
        using var usable = CertificateAuthority.Usable(withKey);
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), Options);
#pragma warning disable CA5359 // A stranger does not care who answers.
        using var channel = GrpcChannel.ForAddress($"https://{cluster.Run.EndPoint}", new GrpcChannelOptions
        {
            DisposeHttpClient = true,
            HttpHandler = new SocketsHttpHandler
            {
                SslOptions = new SslClientAuthenticationOptions
                {
                    // Else it is the client that would fetch.
                    ClientCertificateContext = SslStreamCertificateContext.Create(usable, additionalCertificates: null, offline: true),
                    RemoteCertificateValidationCallback = (_, _, _, _) => true,
                },
            },
        });
#pragma warning restore CA5359

        var refused = await Assert.ThrowsAsync<RpcException>(() => new Control.ControlClient(channel)
            .StatusAsync(new StatusRequest(), cancellationToken: TestContext.Current.CancellationToken).ResponseAsync);

        Assert.Equal("A certificate of this coordinator's is needed.", refused.Status.Detail);
        await cluster.UntilAsync(() => cluster.Refused.Any(line => line.Contains("of another authority", StringComparison.Ordinal)));
        // It would have been fetched before that answer.
        Assert.False(trap.Pending());
    }

    [Fact]
    public async Task Stranger_GuessingTokens_MustWaitAfterTwenty()
    {
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), Options);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = ByteString.CopyFrom(CertificateAuthority.Request(key));
        Assert.Equal(StatusCode.OK, await EnrollAsync(NewToken().Reveal()));
        var statuses = new List<StatusCode>();
        for (var i = 0; i <= EnrollmentService.MostAttempts; i++)
        {
            statuses.Add(await EnrollAsync(JoinToken.Create().Reveal()));
        }

        Assert.Equal([.. Enumerable.Repeat(StatusCode.Unauthenticated, EnrollmentService.MostAttempts), StatusCode.ResourceExhausted], statuses);
        // Not even a right one is looked at.
        Assert.Equal(StatusCode.ResourceExhausted, await EnrollAsync(NewToken().Reveal()));

        async Task<StatusCode> EnrollAsync(string token)
        {
            using var channel = Open(cluster, credentials: null);
            try
            {
                await new Enrollment.EnrollmentClient(channel).EnrollAsync(new EnrollRequest { Token = token, CertificateRequest = request });
                return StatusCode.OK;
            }
            catch (RpcException e)
            {
                return e.StatusCode;
            }
        }
    }

    /// <summary>What a stranger sends where it may send something makes few lines, and none of many lines.</summary>
    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 0, 3, 0xff, 0xff, 0xff })]
    [InlineData(new byte[] { 2, 0, 0, 0, 1, 0 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 1, 0 })]
    [InlineData(new byte[] { 0, 0xff, 0xff, 0xff, 0xff, 1 })]
    [InlineData(new byte[] { 0, 0x7f, 0xff, 0xff, 0xff, 1 })]
    [InlineData(new byte[] { 0, 0, 0 })]
    public async Task Stranger_SendingNonsense_IsToldInFewLines(byte[] body)
    {
        const int Times = 8;
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), Options);
#pragma warning disable CA5359 // A stranger does not care who answers.
        using var client = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true } })
#pragma warning restore CA5359
        {
            DefaultRequestVersion = System.Net.HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        for (var i = 0; i < Times; i++)
        {
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = new("application/grpc");
            using var answer = await client.PostAsync(new Uri($"https://{cluster.Run.EndPoint}/disttrain.v1.Enrollment/Enroll"), content, TestContext.Current.CancellationToken);
            await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
            var status = answer.TrailingHeaders.Concat(answer.Headers).First(header => header.Key == "grpc-status").Value.First();
            Assert.NotEqual("0", status);
        }

        _ = Start(cluster, options => options with { Token = NewToken() });
        await cluster.FinalHashAsync();
        Assert.InRange(cluster.Refused.Count, 0, RefusalReports.MostOfOne);
        Assert.DoesNotContain(cluster.LogLines, line => line.Contains("   at ", StringComparison.Ordinal) || line.Contains("service method", StringComparison.Ordinal));
    }

    /// <summary>A clock that is two hours slow sees a coordinator from the future, and says so.</summary>
    [Fact]
    public async Task Clock_TwoHoursSlow_IsNamed()
    {
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), Options);

        var outcome = await Start(cluster, options => options with { Token = NewToken() }, new OffsetTime(TimeSpan.FromHours(-2)));

        Assert.Equal(WorkerOutcome.Refused, outcome.ExitCode);
        Assert.Contains("by this machine's clock", outcome.Reason, StringComparison.Ordinal);
        Assert.Contains("set the clocks right", outcome.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Revocation_WhileItTrains_SendsItsWorkersAwayAndNobodyElse()
    {
        var spec = SmallRun.Spec(steps: 40);
        await using var cluster = await TestCluster.StartAsync(spec, Options with { WorkersToStart = 2 });
        var (good, bad) = (NewToken(), NewToken());
        _ = Start(cluster, options => options with { Token = good });
        using var held = new ManualResetEventSlim();
        cluster.AtStep(10, () => held.Wait(TestCluster.Patience));
        var evicted = Start(cluster, options => options with { Token = bad });
        await cluster.UntilAsync(() => cluster.Joined.Count == 2);

        _identity.Tokens.Revoke(bad.Id, DateTimeOffset.UtcNow);
        var outcome = await evicted.WaitAsync(TestCluster.Patience, TestContext.Current.CancellationToken);
        held.Set();

        Assert.Equal(WorkerOutcome.Refused, outcome.ExitCode);
        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
        Assert.Contains(cluster.Lost, lost => lost.Worker.Identity!.TokenId == bad.Id);
        Assert.DoesNotContain(cluster.Lost, lost => lost.Worker.Identity!.TokenId == good.Id);
    }

    [Fact]
    public async Task Certificate_Kept_NeedsNoTokenAgain()
    {
        var spec = SmallRun.Spec(steps: 4);
        var file = Path.Combine(_directory, "worker.pem");
        for (var start = 0; start < 2; start++)
        {
            await using var cluster = await TestCluster.StartAsync(spec, Options);
            var token = start == 0 ? NewToken() : null;
            _ = Start(cluster, options => options with { Token = token, CertificateFile = file }, hash: start == 0);
            Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
        }

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    /// <summary>A worker whose clock says that two thirds are over renews; its new certificate has its old name.</summary>
    [Fact]
    public async Task Certificate_AfterTwoThirds_IsRenewed()
    {
        var file = Certificate(_identity, PeerRole.Worker, DateTimeOffset.UtcNow);
        var before = File.ReadAllText(file);
        using var kept = PeerCredentials.Load(file);
        var written = new TaskCompletionSource();
        using var watcher = new FileSystemWatcher(_directory, Path.GetFileName(file)) { NotifyFilter = NotifyFilters.FileName };
        watcher.Renamed += (_, _) => written.TrySetResult();
        watcher.EnableRaisingEvents = true;
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), Options with { WorkersToStart = 2 });
        _ = Start(cluster, options => options with { CertificateFile = file }, new OffsetTime(TimeSpan.FromHours(20)), hash: false);
        await cluster.UntilAsync(() => cluster.Joined.Count == 1);

        // The renewal is a call beside the run's.
        await written.Task.WaitAsync(TestCluster.Patience, TestContext.Current.CancellationToken);

        Assert.NotEqual(before, File.ReadAllText(file));
        using var renewed = PeerCredentials.Load(file);
        Assert.Equal(PeerIdentity.Of(kept.Certificate), PeerIdentity.Of(renewed.Certificate));
    }

    [Fact]
    public async Task Operator_WithItsCertificateOnly_SeesTheRun()
    {
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), Options);
        using var allowed = PeerCredentials.Load(Path.Combine(_identity.Path, IdentityDirectory.OperatorFile));
        Assert.Equal(1u, (await StatusAsync(cluster, allowed)).WorkersNeeded);

        using var worker = PeerCredentials.Load(Certificate(_identity, PeerRole.Worker, DateTimeOffset.UtcNow));
        var refused = await Assert.ThrowsAsync<RpcException>(() => StatusAsync(cluster, worker));
        Assert.Equal(StatusCode.PermissionDenied, refused.StatusCode);
    }

    /// <summary>Nobody finds out which calls there are, and who tries again and again is hung up on.</summary>
    [Fact]
    public async Task Stranger_Knocking_LearnsNothingAndIsToldInFewLines()
    {
        const int Times = 40;
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), Options);
        var connections = 0;
        using var channel = Open(cluster, credentials: null, () => connections++);
        var invoker = channel.CreateCallInvoker();
        var details = new HashSet<string>();
        for (var i = 0; i < Times; i++)
        {
            var method = new Method<StatusRequest, StatusReply>(
                MethodType.Unary, i % 2 == 0 ? "disttrain.v1.Control" : "no.such.Service", "Status", Marshaller<StatusRequest>(), Marshaller<StatusReply>());
            var refused = await Assert.ThrowsAsync<RpcException>(() => invoker.AsyncUnaryCall(method, null, new CallOptions(), new StatusRequest()).ResponseAsync);
            if (refused.StatusCode == StatusCode.Unauthenticated)
            {
                details.Add(refused.Status.Detail);
            }
        }

        Assert.Equal(["A certificate of this coordinator's is needed."], details);
        Assert.InRange(connections, 3, 6);
        await cluster.UntilAsync(() => !cluster.Refused.IsEmpty);
        Assert.InRange(cluster.Refused.Count, 1, RefusalReports.MostOfOne);
    }

    private static Marshaller<T> Marshaller<T>()
        where T : IMessage<T>, new() => Marshallers.Create(message => message.ToByteArray(), bytes => new MessageParser<T>(() => new T()).ParseFrom(bytes));

    private static async Task<StatusReply> StatusAsync(TestCluster cluster, PeerCredentials credentials)
    {
        using var channel = Open(cluster, credentials);
        return await new Control.ControlClient(channel).StatusAsync(new StatusRequest());
    }

#pragma warning disable CA5359 // A stranger does not care who answers.
    private static GrpcChannel Open(TestCluster cluster, PeerCredentials? credentials, Action? connected = null) => GrpcChannel.ForAddress($"https://{cluster.Run.EndPoint}", new GrpcChannelOptions
    {
        DisposeHttpClient = true,
        HttpHandler = new SocketsHttpHandler
        {
            ConnectCallback = async (target, cancellation) =>
            {
                connected?.Invoke();
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(target.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
            SslOptions = credentials is null
                ? new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, _, _, _) => true }
                : PeerCredentials.ToClient(TimeProvider.System, () => credentials, _ => { }),
        },
    });
#pragma warning restore CA5359

    private static async Task<WorkerOutcome> CallAsync(TestCluster cluster, string? certificate)
    {
        using var credentials = certificate is null ? null : PeerCredentials.Load(certificate);
        using var channel = Open(cluster, credentials);
        using var call = new Training.TrainingClient(channel).Attach();
        var refused = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await call.RequestStream.WriteAsync(new WorkerMessage { Hello = StubWorker.Hello() });
            await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken);
        });
        return new WorkerOutcome(refused.StatusCode == StatusCode.Unauthenticated ? WorkerOutcome.Refused : WorkerOutcome.Failed, refused.Status.Detail);
    }

    private JoinToken NewToken() => _identity.Tokens.Create(DateTimeOffset.UtcNow, TimeSpan.FromHours(1));

    private JoinToken Revoked(JoinToken token)
    {
        Assert.True(_identity.Tokens.Revoke(token.Id, DateTimeOffset.UtcNow));
        return token;
    }

    private string Certificate(IdentityDirectory of, PeerRole role, DateTimeOffset from, string token = "")
    {
        using var certificate = of.Authority.IssueWithKey(new PeerIdentity(role, CertificateAuthority.RandomName(), token), from, CertificateAuthority.WorkerLifetime);
        // Each believes to speak to this coordinator.
        using var credentials = new PeerCredentials(certificate, X509CertificateLoader.LoadCertificate(_identity.Authority.Certificate.RawData));
        var file = Path.Combine(_directory, $"{CertificateAuthority.RandomName()}.pem");
        PrivateFile.Write(file, credentials.ToPem());
        return file;
    }

    private Task<WorkerOutcome> Start(TestCluster cluster, Func<WorkerOptions, WorkerOptions> change, TimeProvider? time = null, bool? hash = null) => cluster.StartLocalWorker(
        options =>
        {
            var changed = change(options);
            return changed.AuthorityHash is null && (hash ?? changed.Token is not null) ? changed with { AuthorityHash = _identity.Authority.Hash } : changed;
        },
        time ?? TimeProvider.System,
        CancellationToken.None);

    /// <summary>A clock that is wrong by a constant.</summary>
    private sealed class OffsetTime(TimeSpan offset) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + offset;
    }
}
