using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using DistTrain.Cli.Processes;
using DistTrain.Transport.SharedMemory;

namespace DistTrain.Cli.Tests.Processes;

/// <summary>With real worker processes of this build.</summary>
/// <remarks>
/// Broken on purpose, and it failed: the oldest leave when the run is scaled down; a step begins below the minimum; workers that end with 2 are started again.
/// </remarks>
public sealed class WorkerProcessTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly CommandRun _command = new();

    public WorkerProcessTests()
    {
        // Workers keep datasets they are sent: for a test, in its own directory.
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", Cache.Path);
        _command.Surroundings = _command.Surroundings with
        {
            Self = ["dotnet", typeof(DistTrainCommand).Assembly.Location],
            ProcessStart = TimeProvider.System.GetUtcNow(),
        };
    }

    public void Dispose() => _command.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData("0.3")]
    public async Task Train_OnTwoWorkers_GivesTheBitsOfOneProcess(string? holdout)
    {
        string[] options =
        [
            "--epochs", "3", "--batch-size", "17", "--shards", "5", "--optimizer", "adam", "--evaluate-every", "4",
            .. holdout is null ? Array.Empty<string>() : ["--holdout", holdout],
        ];
        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "alone", .. options]));
        var alone = _command.Last.GetProperty("parametersSha256").GetString();

        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "run", "--workers", "2", .. options]));

        Assert.Equal(alone, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.True(_command.Last.GetProperty("evaluationSeconds").GetDouble() > 0);
        Assert.Equal(2, _command.Last.GetProperty("workers").GetInt32());
        Assert.Equal(2, Happened("joined").Count);
        Assert.Empty(Happened("exited"));
        Assert.All(["worker-1.log", "worker-2.log"], name => Assert.NotEqual(0, new FileInfo(_command.File("run/" + name)).Length));
        Assert.All(Happened("joined"), joined => Assert.Throws<ArgumentException>(() => Process.GetProcessById(joined.GetProperty("processId").GetInt32())));
    }

    [Theory]
    [InlineData("grpc")]
    [InlineData("auto")]
    public async Task Compare_WithWorkers_SplitsTheirStepsAndAgrees(string transport)
    {
        Assert.Equal(0, await _command.RunAsync(
            "compare", "--workers", "2", "--transport", transport, "--threads", "1", "--dataset", "synthetic", "--steps", "20", "--repeats", "1", "--break-even", "off", "--json", "--out", "all"));

        Assert.True(_command.Last.GetProperty("agree").GetBoolean());
        var row = _command.Last.GetProperty("rows").EnumerateArray().Last();
        var split = row.GetProperty("split");
        Assert.Equal(2, row.GetProperty("workers").GetInt32());
        Assert.All(["compute", "transfer", "reduce", "update"], name => Assert.True(split.GetProperty(name + "Microseconds").GetDouble() > 0, name));
        Assert.Equal(transport == "grpc" || !RunSegment.IsSupported, split.GetProperty("serialiseMicroseconds").GetDouble() > 0);
        Assert.NotEqual("unknown", _command.Last.GetProperty("verdict").GetProperty("pays").GetString());
    }

    [Fact]
    public async Task Train_AWorkerIsKilled_SaysSoAndGivesTheSameBits()
    {
        string[] options = ["--epochs", "60", "--batch-size", "12"];
        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "alone", .. options]));
        var alone = _command.Last.GetProperty("parametersSha256").GetString();
        var killed = 0;
        OnLine("\"event\":\"epoch\"", _ =>
        {
            // After the first epoch every worker has had leases.
            if (killed == 0)
            {
                killed = Happened("joined")[0].GetProperty("processId").GetInt32();
                using var process = Process.GetProcessById(killed);
                process.Kill();
            }
        });

        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "run", "--workers", "3", .. options]));

        Assert.Equal(alone, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal(killed, Assert.Single(Happened("lost")).GetProperty("processId").GetInt32());
        Assert.Equal(killed, Assert.Single(Happened("exited")).GetProperty("processId").GetInt32());
        Assert.Contains("killed by signal 9", Happened("exited")[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_AWorkerIsKilledBeforeTheFirstStep_BeginsWithTheOthers()
    {
        var killed = 0;
        OnLine("\"what\":\"joined\"", line =>
        {
            if (Interlocked.CompareExchange(ref killed, JsonDocument.Parse(line).RootElement.GetProperty("processId").GetInt32(), 0) == 0)
            {
                using var process = Process.GetProcessById(killed);
                process.Kill();
            }
        });

        // Far below the start timeout: nobody may wait for the one who cannot come.
        Assert.Equal(0, await _command.RunAsync("train", "--json", "--out", "run", "--workers", "3", "--epochs", "1", "--start-timeout", "600")
            .WaitAsync(Patience, TestContext.Current.CancellationToken));

        Assert.Equal(killed, Assert.Single(Happened("exited")).GetProperty("processId").GetInt32());
    }

    [Fact]
    public async Task Train_AKilledWorkerIsNeeded_AnotherTakesItsPlaceAndTheBitsAreTheSame()
    {
        string[] options = ["--epochs", "60", "--batch-size", "12"];
        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "alone", .. options]));
        var alone = _command.Last.GetProperty("parametersSha256").GetString();
        var killed = 0;
        OnLine("\"event\":\"epoch\"", _ =>
        {
            if (killed == 0)
            {
                killed = Happened("joined")[0].GetProperty("processId").GetInt32();
                using var process = Process.GetProcessById(killed);
                process.Kill();
            }
        });

        // Below the minimum no step begins: the run can only end if the worker comes again.
        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "run", "--workers", "2", "--min-workers", "2", .. options]));

        Assert.Equal(alone, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal(killed, Assert.Single(Happened("lost")).GetProperty("processId").GetInt32());
        Assert.Contains("started again in 0.1 s", Assert.Single(Happened("exited")).GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal(3, Happened("joined").Select(joined => joined.GetProperty("processId").GetInt32()).Distinct().Count());
        Assert.Contains(Happened("waiting"), waiting => waiting.GetProperty("reason").GetString()!.StartsWith("Waiting for 1 more worker", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Scale_OneToFourToTwo_SameHash()
    {
        string[] options = ["--epochs", "400", "--batch-size", "12"];
        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "alone", .. options]));
        var alone = _command.Last.GetProperty("parametersSha256").GetString();
        var asked = new List<Task<int>>();
        OnLine("\"event\":\"epoch\"", line =>
        {
            // Paused from the first epoch on, while processes come and go: else the run might be over before.
            if (line.Contains("\"epoch\":1,", StringComparison.Ordinal))
            {
                asked.Add(AskAsync("pause", "scale 4"));
            }
        });
        OnLine("\"what\":\"joined\"", _ =>
        {
            if (Happened("joined").Count == 4)
            {
                asked.Add(AskAsync("scale 2"));
            }
        });
        OnLine("\"what\":\"left\"", _ =>
        {
            if (Happened("left").Count == 2)
            {
                asked.Add(AskAsync("resume"));
            }
        });

        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "run", "--workers", "1", .. options]));

        Assert.Equal(alone, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal(3, asked.Count);
        Assert.All(await Task.WhenAll(asked), code => Assert.Equal(0, code));
        Assert.Equal(4, Happened("joined").Count);
        Assert.Empty(Happened("exited"));
        Assert.Empty(Happened("lost"));
        Assert.Equal(2, Happened("left").Count(left => left.GetProperty("reason").GetString() == "asked to stop"));
        // The newest go.
        Assert.All(["worker-3.log", "worker-4.log"], name => Assert.Contains("Done: asked to stop", File.ReadAllText(_command.File("run/" + name)), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stop_ByAnOperator_ExitsWith75AndGoesOnToTheSameHash()
    {
        string[] options = ["--epochs", "400", "--batch-size", "12"];
        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "alone", .. options]));
        var alone = _command.Last.GetProperty("parametersSha256").GetString();
        var asked = new List<Task<int>>();
        OnLine("\"event\":\"epoch\"", line =>
        {
            if (line.Contains("\"epoch\":1,", StringComparison.Ordinal))
            {
                asked.Add(AskAsync("pause", "checkpoint", "stop"));
            }
        });

        Assert.Equal(75, await _command.RunAsync(["train", "--json", "--out", "run", "--workers", "2", .. options]));
        Assert.Equal(0, await Assert.Single(asked));
        Assert.Contains(_command.Lines, line => line.GetProperty("event").GetString() == "checkpoint");
        Assert.Empty(Happened("exited"));

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--out", "run", "--resume", "auto", "--workers", "1"));
        Assert.Equal(alone, _command.Last.GetProperty("parametersSha256").GetString());
    }

    [Fact]
    public async Task Train_AllWorkersAreRefused_FailsAtOnceWithTheirLastWords()
    {
        _command.Surroundings = _command.Surroundings with { Self = ["/bin/sh", "-c", "echo no such option >&2; exit 2"] };

        // Far below the start timeout: nobody will come.
        Assert.Equal(3, await _command.RunAsync("train", "--json", "--out", "run", "--workers", "2", "--start-timeout", "600", "--epochs", "1")
            .WaitAsync(Patience, TestContext.Current.CancellationToken));

        Assert.Contains("no such option", _command.Error, StringComparison.Ordinal);
        Assert.Equal(2, Happened("exited").Count);
        Assert.All(Happened("exited"), exited => Assert.Contains("it is not started again", exited.GetProperty("reason").GetString(), StringComparison.Ordinal));
    }

    /// <summary>The root cause, not the end of a stack trace; that is in the log.</summary>
    [Fact]
    public async Task Train_AWorkerCrashes_SaysWhichAndHowAndOfWhatAndWhereItsLogIs()
    {
        _command.Surroundings = _command.Surroundings with
        {
            Self = ["/bin/sh", "-c", "echo Unhandled exception. OutOfMemoryException >&2; for frame in 1 2 3 4; do echo \"   at A.B($frame)\" >&2; done; kill -ABRT $$"],
        };

        Assert.Equal(3, await _command.RunAsync("train", "--json", "--out", "run", "--workers", "1", "--start-timeout", "1", "--epochs", "1"));

        var exited = Happened("exited")[0];
        Assert.StartsWith("local-1 (pid ", exited.GetProperty("worker").GetString(), StringComparison.Ordinal);
        var reason = exited.GetProperty("reason").GetString()!;
        Assert.StartsWith("killed by signal 6, after saying: Unhandled exception. OutOfMemoryException", reason, StringComparison.Ordinal);
        Assert.DoesNotContain("A.B", reason, StringComparison.Ordinal);
        Assert.EndsWith(_command.File("run/worker-1.log"), reason, StringComparison.Ordinal);
        Assert.Contains("   at A.B(4)", await File.ReadAllTextAsync(_command.File("run/worker-1.log"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_AllWorkersDieAgainAndAgain_ExitsWith3()
    {
        _command.Surroundings = _command.Surroundings with { Self = ["/bin/sh", "-c", "exit 1"] };

        Assert.Equal(3, await _command.RunAsync("train", "--json", "--out", "run", "--workers", "1", "--start-timeout", "1", "--epochs", "1"));

        Assert.InRange(Happened("exited").Count, 2, 10);

        Assert.Equal(("failed", 3), (_command.Last.GetProperty("event").GetString(), _command.Last.GetProperty("exitCode").GetInt32()));
        Assert.Contains("--start-timeout", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_Stopped_EndsItsWorkers()
    {
        OnLine("\"what\":\"joined\"", _ => _command.Stop.Ask(ExitCode.Terminated));

        Assert.Equal(75, await _command.RunAsync("train", "--json", "--out", "run", "--workers", "1", "--epochs", "2000"));

        Assert.Throws<ArgumentException>(() => Process.GetProcessById(Happened("joined")[0].GetProperty("processId").GetInt32()));
    }

    [Fact]
    public async Task ChildProcess_InputClosed_EndsByItself()
    {
        var lines = new List<string>();
        await using var child = ChildProcess.Start(
            _command.Surroundings, ["worker", "--coordinator", "127.0.0.1:1"], lines.Add, _ => { });

        child.CloseInput();

        Assert.NotEqual(137, await child.Exited.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Empty(lines);
    }

    [Fact]
    public async Task Worker_WithoutCoordinator_ExitsWith3()
    {
        Assert.Equal(3, await _command.RunAsync("worker", "--coordinator", "127.0.0.1:1", "--start-timeout", "0.2"));

        Assert.Contains("127.0.0.1:1", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Coordinator_NobodyComes_ExitsWith3()
    {
        Assert.Equal(3, await _command.RunAsync("coordinator", "--listen", "127.0.0.1:0", "--start-timeout", "0.2", "--out", "run", "--json"));

        Assert.Matches("^127.0.0.1:[0-9]+$", _command.Lines[0].GetProperty("address").GetString());
    }

    [Fact]
    public async Task Coordinator_PortInUse_ExitsWith2AndLeavesNothing()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        Assert.Equal(2, await _command.RunAsync("coordinator", "--listen", $"127.0.0.1:{port}", "--out", "run"));

        Assert.Contains($"{port}", _command.Error, StringComparison.Ordinal);
        Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.False(Directory.Exists(_command.File("run")));
    }

    /// <summary>An operator at another terminal: one verb after the other, while they go well.</summary>
    private Task<int> AskAsync(params string[] lines) => Task.Run(async () =>
    {
        foreach (var line in lines)
        {
            using var terminal = new StringWriter();
            using var stop = new StopRequest();
            var code = await DistTrainCommand.RunAsync(
                [.. line.Split(' '), "--run", _command.File("run")], _command.Surroundings with { Output = terminal, Error = terminal }, stop);
            if (code != 0)
            {
                return code;
            }
        }

        return 0;
    });

    private List<JsonElement> Happened(string what) =>
        [.. _command.Lines.Where(line => line.TryGetProperty("what", out var value) && value.GetString() == what)];

    /// <summary>Acts when standard output gets a line with a text in it.</summary>
    private void OnLine(string text, Action<string> act) =>
        _command.Surroundings = _command.Surroundings with { Output = new WatchedWriter(_command.Surroundings.Output, text, act) };

    private sealed class WatchedWriter(TextWriter inner, string text, Action<string> act) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            inner.WriteLine(value);
            if (value!.Contains(text, StringComparison.Ordinal))
            {
                act(value);
            }
        }
    }
}
