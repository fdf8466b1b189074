using System.Net;
using System.Net.Sockets;
using DistTrain.Cli.Verbs;
using DistTrain.Coordinator;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Cli.Tests.Verbs;

/// <summary>The operator's verbs against a coordinator in this process.</summary>
/// <remarks>
/// Broken on purpose, and it failed: a run directory's target is not sent along; a verb does not wait for the run to come; refusals end with 0; the table
/// marks nobody.
/// </remarks>
public sealed class OperatorVerbTests : IAsyncDisposable
{
    private readonly CommandRun _command = new();
    private CoordinatorRun? _run;

    public async ValueTask DisposeAsync()
    {
        if (_run is not null)
        {
            await _run.DisposeAsync();
        }

        _command.Dispose();
    }

    private string Address => _run!.Address;

    [Fact]
    public async Task Status_ForPeople_ShowsPhaseStepAndWhomItWaitsFor()
    {
        await StartAsync();

        Assert.Equal(0, await _command.RunAsync("status", "--coordinator", Address));

        Assert.Contains("waiting, step 0 of 3, incarnation ", _command.Output, StringComparison.Ordinal);
        Assert.Contains("last checkpoint: none", _command.Output, StringComparison.Ordinal);
        Assert.Contains("Waiting for 1 more worker", _command.Output, StringComparison.Ordinal);
        Assert.Contains("0 attached, 1 needed", _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void StatusText_OfWorkers_IsATableThatMarksTheSlowOne()
    {
        var status = new StatusReply { Phase = RunPhase.Computing, Step = 7, Steps = 60, Incarnation = 2, CheckpointStep = 5, WorkersNeeded = 2, SlowWorker = 12 };
        status.Workers.Add(new WorkerReport
        {
            Id = 1,
            Name = "box/42",
            Host = "box",
            ProcessId = 42,
            State = "idle",
            Shards = 3,
            SilentMilliseconds = 120,
            ComputeMilliseconds = 1.234,
            NetworkMilliseconds = 0.5,
            WaitMilliseconds = 20,
        });
        status.Workers.Add(new WorkerReport { Id = 12, Name = "local-2", Host = "box", ProcessId = 4242, State = "computing", Shards = 13, SilentMilliseconds = 1900 });

        Assert.Equal(
            """
            computing, step 7 of 60, incarnation 2, last checkpoint: step 5
            2 attached, 2 needed
            worker                       state      shards  compute  network      wait  silent
            1 (box, pid 42)              idle            3  1.23 ms  0.50 ms  20.00 ms   0.1 s
            12 (box, pid 4242, local-2)  computing      13        -        -         -   1.9 s  <- the others wait for it
            """.ReplaceLineEndings(),
            StatusVerb.Text(status));
    }

    [Fact]
    public async Task Status_WithJson_IsOneLine()
    {
        await StartAsync();

        Assert.Equal(0, await _command.RunAsync("status", "--coordinator", Address, "--json"));

        var line = Assert.Single(_command.Lines);
        Assert.Equal(("status", "waiting", 0, 3), (line.GetProperty("event").GetString(), line.GetProperty("phase").GetString(), line.GetProperty("step").GetInt32(), line.GetProperty("steps").GetInt32()));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, line.GetProperty("checkpointStep").ValueKind);
        Assert.Equal(0, line.GetProperty("workers").GetArrayLength());
    }

    [Fact]
    public async Task Steering_EachVerb_SaysWhatBecameOfIt()
    {
        await StartAsync();
        var scaled = -1;
        _run!.Scale = count =>
        {
            (var before, scaled) = (2, count);
            return before;
        };

        Assert.Equal(0, await _command.RunAsync("pause", "--coordinator", Address));
        Assert.Contains("Paused: 0 of 3 steps are done", _command.Output, StringComparison.Ordinal);
        Assert.Equal(SessionPhase.Paused, (await _run.StatusAsync())!.Phase);
        Assert.Equal(0, await _command.RunAsync("resume", "--coordinator", Address));
        Assert.Equal(SessionPhase.WaitingForWorkers, (await _run.StatusAsync())!.Phase);
        Assert.Equal(0, await _command.RunAsync("scale", "5", "--coordinator", Address));
        Assert.Equal(5, scaled);
        Assert.Contains("2 before, 5 from now on", _command.Output, StringComparison.Ordinal);
        Assert.Equal(0, await _command.RunAsync("scale", "0", "--coordinator", Address));
        Assert.Equal(0, scaled);
        Assert.Contains("the run waits for 60 s (--start-timeout) and then ends with exit code 3", _command.Output, StringComparison.Ordinal);
        Assert.Equal(2, await _command.RunAsync("scale", "9", "--coordinator", Address));
        Assert.Contains("at most 8 workers", _command.Error, StringComparison.Ordinal);
        Assert.Equal(0, scaled);
        Assert.Equal(2, await _command.RunAsync("checkpoint", "--coordinator", Address));
        Assert.Contains("this run keeps no checkpoints", _command.Error, StringComparison.Ordinal);
        Assert.Equal(0, await _command.RunAsync("stop", "--coordinator", Address));
        Assert.Contains("Stopped after step 0 of 3, without a checkpoint", _command.Output, StringComparison.Ordinal);
        Assert.True(_run.HasEnded);
    }

    [Fact]
    public async Task Scale_OfARunWithoutWorkersOfItsOwn_SaysHowToDoItByHand()
    {
        await StartAsync();

        Assert.Equal(2, await _command.RunAsync("scale", "2", "--coordinator", Address));

        Assert.Contains("disttrain worker --coordinator", _command.Error, StringComparison.Ordinal);
        Assert.Contains("kill PID", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ByItsDirectory_IsFoundThere()
    {
        using var taken = Take("run");
        await StartAsync(taken.Incarnation);
        taken.Announce(Address);

        Assert.Equal(0, await _command.RunAsync("status", "--run", "run", "--json"));

        Assert.Equal(taken.Incarnation, Assert.Single(_command.Lines).GetProperty("incarnation").GetUInt64());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Run_OnASocket_IsShownAndStopped(bool byItsDirectory)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A coordinator makes no sockets there.");
        using var taken = Take("run");
        await StartAsync(taken.Incarnation, listen: new UnixDomainSocketEndPoint(_command.File("it.sock")));
        taken.Announce(Address);
        string[] which = byItsDirectory ? ["--run", "run"] : ["--coordinator", $"unix:{_command.File("it.sock")}"];

        Assert.Equal(0, await _command.RunAsync(["status", "--json", .. which]));
        Assert.Equal(taken.Incarnation, Assert.Single(_command.Lines).GetProperty("incarnation").GetUInt64());
        Assert.Equal(0, await _command.RunAsync(["stop", .. which]));
        Assert.True(_run!.HasEnded);

        await _run.DisposeAsync();
        Assert.Equal(3, await _command.RunAsync(["status", "--start-timeout", "0.3", .. which]));
        Assert.Contains($"No run answers at unix:{_command.File("it.sock")} within 0.3 s", _command.Error, StringComparison.Ordinal);
    }

    /// <summary>The port of a run that has died may be another run's by now.</summary>
    [Fact]
    public async Task Run_ItsPortIsAnotherRunsByNow_IsLeftAlone()
    {
        using var taken = Take("run");
        await StartAsync(taken.Incarnation + 1);
        taken.Announce(Address);

        Assert.Equal(2, await _command.RunAsync("stop", "--run", "run"));

        Assert.Contains("has ended", _command.Error, StringComparison.Ordinal);
        Assert.False(_run!.HasEnded);
    }

    [Fact]
    public async Task Run_WithoutAServer_SaysThatNothingCanAskIt()
    {
        using var taken = Take("run");

        Assert.Equal(2, await _command.RunAsync("pause", "--run", "run"));

        Assert.Contains("--workers 0", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_OnAnotherMachine_IsSentThere()
    {
        using var taken = Take("run", "elsewhere");
        taken.Announce("127.0.0.1:29500");

        Assert.Equal(2, await _command.RunAsync("pause", "--run", "run"));

        Assert.Contains("is on elsewhere, at 127.0.0.1:29500", _command.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status", "--coordinator")]
    [InlineData("pause", "--coordinator")]
    [InlineData("stop", "--run")]
    public async Task Nobody_Answers_ExitsWith3AndSaysWhatToDo(string verb, string how)
    {
        using var taken = Take("run");
        taken.Announce("127.0.0.1:1");

        Assert.Equal(3, await _command.RunAsync(verb, how, how == "--run" ? "run" : "127.0.0.1:1", "--start-timeout", "0.3"));

        Assert.Contains("No run answers at 127.0.0.1:1 within 0.3 s", _command.Error, StringComparison.Ordinal);
        Assert.Contains(how == "--run" ? "--resume auto" : "--run DIR", _command.Error, StringComparison.Ordinal);
        Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Run_ThatIsOnlyStarting_IsWaitedFor()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();

        var status = _command.RunAsync("status", "--coordinator", $"127.0.0.1:{port}", "--start-timeout", "30", "--json");
        await StartAsync(port: port);

        Assert.Equal(0, await status);
        Assert.Single(_command.Lines);
    }

    [Fact]
    public async Task Ended_WhileItIsLookedFor_ExitsWith3()
    {
        await StartAsync();
        await _run!.AbortAsync();

        Assert.Equal(3, await _command.RunAsync("checkpoint", "--coordinator", Address, "--start-timeout", "2"));

        Assert.Contains("The run has ended", _command.Error, StringComparison.Ordinal);
    }

    /// <summary>A socket has no port, and is an address all the same.</summary>
    [Fact]
    public async Task Coordinator_OnASocket_SaysHowToJoinAndTrains()
    {
        using var worker = new CommandRun();
        var address = $"unix:{_command.File("it.sock")}";
        var training = _command.RunAsync("coordinator", "--listen", address, "--workers", "1", "--model", "multi-layer", "--hidden", "4", "--steps", "2", "--out", "run");

        Assert.Equal(0, await worker.RunAsync("worker", "--coordinator", address, "--start-timeout", "60"));

        Assert.True(await training == 0, _command.Error);
        Assert.Contains($"more workers can join: disttrain worker --coordinator {address}", _command.Output + _command.Error, StringComparison.Ordinal);
    }

    private RunLock Take(string name, string? host = null) => RunLock.Take(
        DiskFileSystem.Instance, _command.File(name), new RunHolder(host ?? Environment.MachineName, Environment.ProcessId, DateTimeOffset.UnixEpoch), () => 0, Assert.Fail);

    /// <summary>A run that waits for workers.</summary>
    private async Task StartAsync(ulong incarnation = 1, int port = 0, EndPoint? listen = null)
    {
        _run = await CoordinatorRun.StartAsync(
            SmallRun.Spec,
            SmallRun.Digits,
            new CoordinatorOptions { Listen = listen ?? new IPEndPoint(IPAddress.Loopback, port), MaximumWorkers = 8 },
            observer: null,
            clusterObserver: null,
            NullLoggerFactory.Instance,
            continuation: new RunContinuation(incarnation, null, null));
    }
}
