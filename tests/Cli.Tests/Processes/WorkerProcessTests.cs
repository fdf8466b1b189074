using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using DistTrain.Cli.Processes;

namespace DistTrain.Cli.Tests.Processes;

/// <summary>With real worker processes of this build.</summary>
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

    [Fact]
    public async Task Train_OnTwoWorkers_GivesTheBitsOfOneProcess()
    {
        string[] options = ["--epochs", "3", "--batch-size", "17", "--shards", "5", "--optimizer", "adam"];
        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "alone", .. options]));
        var alone = _command.Last.GetProperty("parametersSha256").GetString();

        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "run", "--workers", "2", .. options]));

        Assert.Equal(alone, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal(2, _command.Last.GetProperty("workers").GetInt32());
        Assert.Equal(2, Happened("joined").Count);
        Assert.Empty(Happened("exited"));
        Assert.All(["worker-1.log", "worker-2.log"], name => Assert.NotEqual(0, new FileInfo(_command.File("run/" + name)).Length));
        Assert.All(Happened("joined"), joined => Assert.Throws<ArgumentException>(() => Process.GetProcessById(joined.GetProperty("processId").GetInt32())));
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
    public async Task Train_AllWorkersDieAndNobodyComes_ExitsWith3()
    {
        OnLine("\"what\":\"joined\"", line =>
        {
            using var process = Process.GetProcessById(JsonDocument.Parse(line).RootElement.GetProperty("processId").GetInt32());
            process.Kill();
        });

        Assert.Equal(3, await _command.RunAsync("train", "--json", "--out", "run", "--workers", "1", "--start-timeout", "3", "--epochs", "2000"));

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

    private sealed class Cache
    {
        public static string Path { get; } = Directory.CreateTempSubdirectory("disttrain-test-cache-").FullName;

        static Cache() => AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(Path, recursive: true);
    }
}
