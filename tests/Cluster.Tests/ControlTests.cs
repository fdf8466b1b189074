using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using DistTrain.Coordinator;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;
using DistTrain.Transport.Wire;
using Grpc.Core;

namespace DistTrain.Cluster.Tests;

/// <summary>An operator looks at a run and steers it, over the wire; nothing of it changes a bit.</summary>
/// <remarks>
/// Broken on purpose, and it failed: a paused run begins rounds; a checkpoint is answered when it has begun; a stop saves nothing; strangers are admitted; a
/// crash is forgiven at once; a step begins below the minimum.
/// </remarks>
public sealed class ControlTests : IDisposable
{
    private static readonly TimeSpan Often = TimeSpan.FromSeconds(0.1);
    private static readonly TimeSpan Never = TimeSpan.FromMinutes(5);

    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-test-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Pause_InMidRun_NoStepUntilResume_SameHash()
    {
        var spec = SmallRun.Spec(steps: 400);
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions { WorkersToStart = 2, WaitingReportInterval = Often });
        var workers = new[] { cluster.StartWorker(), cluster.StartWorker() };
        using var control = new Operator(cluster.Run.EndPoint);
        // Connected before the run begins: it must not be over when the wish comes.
        await control.StatusAsync();
        var asked = new TaskCompletionSource<Task<PauseReply>>();
        cluster.AtStep(5, () => asked.SetResult(control.PauseAsync()));

        await await asked.Task.WaitAsync(TestCluster.Patience, TestContext.Current.CancellationToken);
        await cluster.UntilAsync(() => cluster.WaitingMessages.Any(IsPaused));
        var before = await control.StatusAsync();
        var said = cluster.WaitingMessages.Count(IsPaused);
        await cluster.UntilAsync(() => cluster.WaitingMessages.Count(IsPaused) >= said + 5);
        var after = await control.StatusAsync();
        await control.ResumeAsync();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal((RunPhase.Paused, RunPhase.Paused), (before.Phase, after.Phase));
        Assert.InRange(before.Step, 5UL, 399UL);
        Assert.Equal(before.Step, after.Step);
        Assert.Contains("disttrain resume", after.WaitsFor, StringComparison.Ordinal);
        Assert.Equal(workers.Select(worker => (uint)worker.Id).Order(), after.Workers.Select(worker => worker.ProcessId).Order());
        Assert.All(after.Workers, worker => Assert.Equal("idle", worker.State));

        static bool IsPaused(string message) => message.StartsWith("Paused after step", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_ThroughoutARun_ShowsPhasesAndWorkers()
    {
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), new CoordinatorOptions { LeaseDeadline = Never, LeaseTimeout = Never });
        using var control = new Operator(cluster.Run.EndPoint);

        var empty = await control.StatusAsync();
        await using var stub = StubWorker.Connect(cluster.Run.EndPoint);
        await stub.GreetAsync();
        var joining = await control.StatusAsync();
        await stub.SendAsync(new WorkerMessage { Ready = new Ready() });
        await stub.LeaseAsync();
        var computing = await control.StatusAsync();

        Assert.Equal((RunPhase.WaitingForWorkers, 0UL, 4UL, 1U), (empty.Phase, empty.Step, empty.Steps, empty.WorkersNeeded));
        Assert.Contains("Waiting for 1 more worker", empty.WaitsFor, StringComparison.Ordinal);
        Assert.False(empty.HasCheckpointStep);
        Assert.Empty(empty.Workers);
        Assert.Equal("joining", Assert.Single(joining.Workers).State);
        Assert.Equal((RunPhase.Computing, "", stub.Welcome.Incarnation), (computing.Phase, computing.WaitsFor, computing.Incarnation));
        var worker = Assert.Single(computing.Workers);
        Assert.Equal((stub.Welcome.WorkerId, StubWorker.Host, "computing", 5U), (worker.Id, worker.Host, worker.State, worker.Shards));
    }

    [Fact]
    public async Task Checkpoint_WhileRunning_IsDurableWhenItAnswers()
    {
        var spec = SmallRun.Spec(steps: 400);
        using var journal = OpenJournal();
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions(), continuation: new RunContinuation(journal.Incarnation, null, journal));
        using var control = new Operator(cluster.Run.EndPoint);
        await control.StatusAsync();
        var asked = new TaskCompletionSource<Task<CheckpointReply>>();
        cluster.AtStep(5, () => asked.SetResult(control.CheckpointAsync()));
        cluster.StartLocalWorker();

        var reply = await await asked.Task.WaitAsync(TestCluster.Patience, TestContext.Current.CancellationToken);
        using var loaded = journal.Store.Load(reply.Path);

        Assert.InRange(reply.Step, 5UL, 400UL);
        Assert.Equal((long)reply.Step, loaded.Snapshot.StepsDone);
        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());
    }

    [Fact]
    public async Task Stop_WhileRunning_AnswersWithADurableCheckpointThatGoesOnToTheSameHash()
    {
        var spec = SmallRun.Spec(steps: 400);
        using var journal = OpenJournal();
        await using (var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions(), continuation: new RunContinuation(journal.Incarnation, null, journal)))
        {
            using var control = new Operator(cluster.Run.EndPoint);
            await control.StatusAsync();
            var asked = new TaskCompletionSource<Task<StopReply>>();
            cluster.AtStep(5, () => asked.SetResult(control.StopAsync()));
            cluster.StartLocalWorker();

            var reply = await await asked.Task.WaitAsync(TestCluster.Patience, TestContext.Current.CancellationToken);

            Assert.True(reply.HasCheckpoint);
            Assert.Equal((long)reply.Step, (await Assert.ThrowsAsync<RunStoppedException>(cluster.FailureAsync)).StepsDone);
        }

        using var from = journal.LoadNewest();
        Assert.InRange(from!.Snapshot.StepsDone, 5, 399);
        await using var second = await TestCluster.StartAsync(spec, new CoordinatorOptions(), continuation: new RunContinuation(journal.Incarnation + 1, from.Snapshot, null));
        second.StartLocalWorker();
        Assert.Equal(SmallRun.SingleProcessHash(spec), await second.FinalHashAsync());
    }

    [Fact]
    public async Task Refused_WhatTheRunCannotDo_SaysWhy()
    {
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), new CoordinatorOptions { MaximumWorkers = 3 });
        using var control = new Operator(cluster.Run.EndPoint);
        var other = new Target { ProcessId = (uint)Environment.ProcessId + 1 };

        await Expect(StatusCode.FailedPrecondition, "keeps no checkpoints", control.CheckpointAsync());
        await Expect(StatusCode.FailedPrecondition, "starts no workers of its own", control.ScaleAsync(2));
        await Expect(StatusCode.InvalidArgument, "at most 3 workers", control.ScaleAsync(4));
        await Expect(StatusCode.FailedPrecondition, "has ended", control.StopAsync(other));
        Assert.False(cluster.Run.HasEnded);
        Assert.False((await control.StopAsync()).HasCheckpoint);
        Assert.True(cluster.Run.HasEnded);
    }

    [Fact]
    public async Task Stranger_FromAnAddressBeyondLoopback_IsRefusedWhateverItAsks()
    {
        var own = NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(network => network.GetIPProperties().UnicastAddresses)
            .Select(unicast => unicast.Address)
            .FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(address));
        Assert.SkipWhen(own is null, "This machine has no address but loopback.");
        await using var cluster = await TestCluster.StartAsync(SmallRun.Spec(steps: 4), new CoordinatorOptions { Insecure = true });
        using var control = new Operator(new IPEndPoint(own!, cluster.Run.EndPoint.Port));

        Task[] calls =
        [
            control.StatusAsync(), control.PauseAsync(),
            control.ResumeAsync(), control.CheckpointAsync(),
            control.StopAsync(), control.ScaleAsync(1),
        ];

        Assert.Equal(Transport.Wire.Control.Descriptor.Methods.Count, calls.Length);
        foreach (var call in calls)
        {
            await Expect(StatusCode.PermissionDenied, $"came from {own}", call);
        }

        Assert.False(cluster.Run.HasEnded);
        Assert.All(Transport.Wire.Control.Descriptor.Methods, method => Assert.Single(
            cluster.LogLines, line => line.StartsWith("Warning: Refused to ", StringComparison.Ordinal) && line.EndsWith($"/{method.Name}", StringComparison.Ordinal)));
    }

    /// <summary>Row P4, and the pause below the minimum.</summary>
    [Fact]
    public async Task Minimum_TwoOfThreeKilled_RunWaitsSaysSoAndGoesOn()
    {
        var spec = SmallRun.Spec(steps: 40);
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions { WorkersToStart = 3, MinimumWorkers = 2, LeaseDeadline = Never, WaitingReportInterval = Often });
        using var control = new Operator(cluster.Run.EndPoint);
        var workers = Enumerable.Range(0, 3).Select(_ => cluster.StartWorker()).ToArray();
        cluster.AtStep(10, () =>
        {
            workers[0].Kill();
            workers[2].Kill();
        });
        await cluster.UntilAsync(() => cluster.WaitingMessages.Any(message => message.Contains("Waiting for 1 more worker: 1 of 2 needed are here", StringComparison.Ordinal)));
        var waiting = await control.StatusAsync();
        cluster.StartWorker();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal((RunPhase.WaitingForWorkers, 2U), (waiting.Phase, waiting.WorkersNeeded));
        // The round in which they died is finished by the one who is left.
        Assert.InRange(waiting.Step, 10UL, 11UL);
        Assert.Equal(workers[1].Id, (int)Assert.Single(waiting.Workers).ProcessId);
        Assert.Equal(4, cluster.Joined.Count);
    }

    /// <summary>Row P7: a worker that dies with its first lease, each time, under a name that it keeps.</summary>
    [Fact]
    public async Task CrashLoop_UnderOneName_IsKeptAwayLongerAndLongerWhileOthersFinish()
    {
        var spec = SmallRun.Spec(steps: 20);
        await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions { LeaseDeadline = Never });
        for (var crash = 0; crash < 3; crash++)
        {
            // It comes again and again until it may.
            while (true)
            {
                await using var crasher = StubWorker.Connect(cluster.Run.EndPoint);
                if (await crasher.TryJoinAsync("crasher"))
                {
                    Assert.NotNull(await crasher.LeaseAsync());
                    break;
                }
            }

            await cluster.UntilAsync(() => cluster.Lost.Count > crash);
        }

        // It is still sent away when the others begin.
        await using var again = StubWorker.Connect(cluster.Run.EndPoint);
        await again.SendAsync(new WorkerMessage { Hello = StubWorker.Hello("crasher") });
        var refused = (await again.ReceiveAsync())!.Refused;
        cluster.StartLocalWorker();

        Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

        Assert.Equal((RefusalReason.Quarantined, true), (refused.Reason, refused.Transient));
        var reasons = cluster.Lost.Select(lost => lost.Reason).ToArray();
        Assert.DoesNotContain("stay away", reasons[0], StringComparison.Ordinal);
        Assert.Contains("stay away for 1 s", reasons[1], StringComparison.Ordinal);
        Assert.Contains("stay away for 2 s", reasons[2], StringComparison.Ordinal);
        Assert.Contains(cluster.Refused, reason => reason.StartsWith("Quarantined", StringComparison.Ordinal));
        Assert.Equal(4, cluster.Joined.Count);
    }

    private static async Task Expect(StatusCode code, string message, Task call)
    {
        var e = await Assert.ThrowsAsync<RpcException>(() => call);
        Assert.Equal(code, e.StatusCode);
        Assert.Contains(message, e.Status.Detail, StringComparison.Ordinal);
    }

    private RunJournal OpenJournal() => RunJournal.Open(
        DiskFileSystem.Instance, Path.Combine(_directory, "run"), new RunHolder("test", Environment.ProcessId, DateTimeOffset.UnixEpoch), new JournalOptions(), Assert.Fail);
}
