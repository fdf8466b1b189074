using System.Net;
using System.Net.Sockets;
using DistTrain.Coordinator;

namespace DistTrain.Cluster.Tests;

/// <summary>Promise 3: nothing hangs. Every wait ends, and says whom it was for.</summary>
/// <remarks>
/// Broken on purpose, and it failed: nobody is ever silent for too long; late leases are not granted again; the start timeout begins anew with each
/// worker that leaves; a worker never gives up; a worker waits ten seconds for an answer whatever its start timeout; no goodbye after SIGTERM.
/// </remarks>
public sealed class NoHangTests
{
    private static readonly TimeSpan Never = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(0.1);
    private static readonly Dictionary<string, string> NoEnvironment = [];

    /// <summary>Row P5. Late leases are not re-issued here, so that the dead-time alone can save the run.</summary>
    [Fact]
    public async Task Stopped_ForLongerThanTheDeadTime_IsReplacedAndDoesNoHarmOnWaking()
    {
        var spec = SmallRun.Spec(steps: 60);
        var options = new CoordinatorOptions
        {
            WorkersToStart = 2,
            LeaseDeadline = Never,
            DeadTime = TimeSpan.FromSeconds(0.6),
            HeartbeatInterval = TimeSpan.FromSeconds(0.1),
            // A worker that is told too late that the run has ended looks for the coordinator again, for minutes.
            GoodbyeDeadline = TestCluster.Patience,
        };
        await using var cluster = await TestCluster.StartAsync(spec, options);
        var workers = new[] { cluster.StartWorker(), cluster.StartWorker() };
        cluster.AtStep(10, () => workers[0].Signal(WorkerProcess.SigStop));
        cluster.AtLoss = _ => workers[0].Signal(WorkerProcess.SigContinue);
        // By then it has woken and attached again: the run goes on with both.
        cluster.AtStep(15, () => workers[0].SaysAsync("Attached as worker", times: 2).Wait());

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        var (lost, reason) = Assert.Single(cluster.Lost);
        Assert.Equal(workers[0].Id, lost.ProcessId);
        Assert.StartsWith("silent for", reason, StringComparison.Ordinal);
        Assert.NotEmpty(cluster.Reissued);
        foreach (var worker in workers)
        {
            Assert.Equal(0, await worker.ExitAsync(TestCluster.Patience));
        }
    }

    /// <summary>Row P6: alive, but it never delivers.</summary>
    [Fact]
    public async Task Late_LeaseGoesToAnIdleWorkerAndNobodyIsLost()
    {
        var spec = SmallRun.Spec(steps: 3);
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions { WorkersToStart = 2, LeaseDeadline = TimeSpan.FromSeconds(0.3), GoodbyeDeadline = Soon });
        cluster.StartLocalWorker();
        await using var stub = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        var reading = stub.EndAsync();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Empty(cluster.Lost);
        Assert.NotEmpty(cluster.Reissued);
        await reading;
    }

    [Fact]
    public async Task Late_BeyondTheLeaseTimeout_ItsWorkerIsDropped()
    {
        var spec = SmallRun.Spec(steps: 3);
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions { LeaseTimeout = TimeSpan.FromSeconds(0.5) });
        await using var stub = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        await stub.EndAsync();
        cluster.StartLocalWorker();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Contains("has not delivered its lease", Assert.Single(cluster.Lost).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_TooFewWorkers_FailsAndNamesThem()
    {
        var options = new CoordinatorOptions { WorkersToStart = 3, StartTimeout = TimeSpan.FromSeconds(1), GoodbyeDeadline = Soon, DeadTime = TimeSpan.FromSeconds(2) };
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 3), options);
        await using var ready = await StubWorker.JoinAsync(cluster.Run.EndPoint);
        await using var unready = StubWorker.Connect(cluster.Run.EndPoint);
        await unready.GreetAsync();

        var e = await Assert.ThrowsAsync<NotEnoughWorkersException>(cluster.FailureAsync);

        Assert.Contains("Waiting for 2 more workers: 1 of 3 needed are here (worker 1 (stub, pid 1)), not ready yet: worker 2 (stub, pid 1)", e.Message, StringComparison.Ordinal);
    }

    /// <summary>Whoever comes and goes before the first round does not put off its deadline.</summary>
    [Fact]
    public async Task Start_WorkersComeAndGo_StartTimeoutRunsFromTheStart()
    {
        var options = new CoordinatorOptions { WorkersToStart = 50, StartTimeout = TimeSpan.FromSeconds(1.5), DeadTime = TimeSpan.FromSeconds(2) };
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 3), options);
        while (!cluster.Run.Completion.IsCompleted)
        {
            await using var stub = StubWorker.Connect(cluster.Run.EndPoint);
            if (!await stub.TryJoinAsync())
            {
                break;
            }

            Assert.True(cluster.Joined.Count < 10_000, "The run still waits.");
        }

        await Assert.ThrowsAsync<NotEnoughWorkersException>(cluster.FailureAsync);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Worker_NoCoordinatorOrOneThatSaysNothing_GivesUpAfterTheStartTimeout(bool someoneListens)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var address = (IPEndPoint)listener.LocalEndpoint;
        if (!someoneListens)
        {
            listener.Stop();
        }

        await using var worker = WorkerProcess.Start(address.ToString(), Path.GetTempPath(), NoEnvironment, "--start-timeout", "1");

        // Far below the ten seconds that a single answer may take.
        Assert.Equal(3, await worker.ExitAsync(TimeSpan.FromSeconds(8)));
        Assert.Contains($"no coordinator at {address} within 1 s", worker.LogText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Worker_CoordinatorGoesAway_GivesUpAfterTheReconnectTimeout(bool silently)
    {
        var spec = SmallRun.Spec(steps: 30);
        var options = new CoordinatorOptions
        {
            WorkersToStart = 2,
            LeaseDeadline = Never,
            DeadTime = TimeSpan.FromSeconds(0.3),
            HeartbeatInterval = TimeSpan.FromSeconds(0.1),
        };
        await using var cluster = await TestCluster.StartAsync(spec, options);
        await using var wire = new LoopbackProxy(cluster.Run.EndPoint);
        var address = wire.EndPoint.ToString();
        cluster.StartLocalWorker();
        var worker = cluster.StartWorker(address, NoEnvironment, "--reconnect-timeout", "1", "--transport", "grpc");
        cluster.AtStep(10, silently ? wire.FallSilent : wire.Cut);

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal(3, await worker.ExitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(worker.Id, Assert.Single(cluster.Lost).Worker.ProcessId);
        Assert.Contains($"no coordinator at {address} within 1 s", worker.LogText, StringComparison.Ordinal);
    }

    /// <summary>Row P9: asked to stop while it computes.</summary>
    [Fact]
    public async Task Terminated_InMidRun_LeavesInOrder()
    {
        var spec = SmallRun.Spec(steps: 40);
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions { WorkersToStart = 2, LeaseDeadline = Never });
        var workers = new[] { cluster.StartWorker(), cluster.StartWorker() };
        cluster.AtStep(10, () =>
        {
            workers[0].Signal(WorkerProcess.SigTerm);
            workers[0].ExitAsync(TestCluster.Patience).Wait();
        });

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal(0, await workers[0].ExitAsync(TestCluster.Patience));
        Assert.Equal(workers[0].Id, Assert.Single(cluster.LeftInOrder, left => left.Reason == "asked to stop").Worker.ProcessId);
        Assert.Empty(cluster.Lost);
    }

    /// <summary>Row P9: a lease that takes longer than anybody waits is left to others, and the worker is gone before its host loses patience.</summary>
    [Fact]
    public async Task Terminated_InALeaseThatDoesNotEnd_LeavesInOrderAllTheSame()
    {
        var spec = SmallRun.Spec(steps: 10);
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions { WorkersToStart = 2, LeaseDeadline = Never });
        using var stop = new CancellationTokenSource();
        using var held = new HeldComputing();
        cluster.StartLocalWorker();
        var worker = cluster.StartLocalWorker(options => options with { FinishTimeout = Soon }, held, stop.Token);
        await held.Begun.WaitAsync(TestCluster.Patience, TestContext.Current.CancellationToken);
        await stop.CancelAsync();

        Assert.Equal(0, (await worker.WaitAsync(TestCluster.Patience, TestContext.Current.CancellationToken)).ExitCode);
        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Single(cluster.LeftInOrder, left => left.Reason == "asked to stop");
        Assert.Empty(cluster.Lost);
        Assert.NotEmpty(cluster.Reissued);
    }

    /// <summary>Row P9: asked to stop while it looks for the dataset, which may take as long as a slow disk or a download.</summary>
    [Fact]
    public async Task Terminated_WhileLookingForTheDataset_LeavesInOrder()
    {
        var spec = SmallRun.Spec(steps: 3);
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions());
        using var stop = new CancellationTokenSource();
        using var gate = new ManualResetEventSlim();
        var looking = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var worker = cluster.StartLocalWorker(
            options => options with
            {
                FindDataset = _ =>
                {
                    looking.SetResult();
                    gate.Wait();
                    return SmallRun.Dataset;
                },
            },
            TimeProvider.System,
            stop.Token);
        await looking.Task.WaitAsync(TestCluster.Patience, TestContext.Current.CancellationToken);
        await stop.CancelAsync();
        try
        {
            Assert.Equal(0, (await worker.WaitAsync(TestCluster.Patience, TestContext.Current.CancellationToken)).ExitCode);
        }
        finally
        {
            gate.Set();
        }

        cluster.StartLocalWorker();
        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
        Assert.Contains(cluster.LogLines, line => line.Contains("worker 1", StringComparison.Ordinal) && line.Contains("asked to stop", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Terminated_WhileLookingForItsCoordinator_ExitsWithZero()
    {
        using var nobody = new TcpListener(IPAddress.Loopback, 0);
        nobody.Start();
        await using var worker = WorkerProcess.Start(nobody.LocalEndpoint.ToString()!, Path.GetTempPath(), NoEnvironment);
        await worker.SaysAsync("Looking for the coordinator");
        worker.Signal(WorkerProcess.SigTerm);

        Assert.Equal(0, await worker.ExitAsync(TimeSpan.FromSeconds(20)));
    }

    /// <summary>A clock that stops its worker's compute thread when it looks at the time, until this is disposed of.</summary>
    private sealed class HeldComputing : TimeProvider, IDisposable
    {
        private readonly ManualResetEventSlim _gate = new();
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Begun => _begun.Task;

        public override long GetTimestamp()
        {
            if (Thread.CurrentThread.Name == "compute 0")
            {
                _begun.TrySetResult();
                _gate.Wait();
            }

            return base.GetTimestamp();
        }

        public void Dispose() => _gate.Set();
    }
}
