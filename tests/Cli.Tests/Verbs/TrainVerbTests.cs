using System.Text.Json;
using DistTrain.Cli.Data;
using DistTrain.Core;
using DistTrain.Core.Formats;

namespace DistTrain.Cli.Tests.Verbs;

public sealed class TrainVerbTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Train_WithJson_LastLineHasTheMembersOfTheContract()
    {
        Assert.Equal(0, await _command.TrainAsync("--epochs", "2", "--batch-size", "50", "--seed", "7"));

        string[] members =
        [
            "event", "run", "model", "dataset", "optimizer", "steps", "epochs", "trainLoss", "testLoss", "testAccuracy", "samplesPerSecond",
            "elapsedSeconds", "workers", "threads", "shards", "seed", "resumedFrom", "numericsRevision", "parametersSha256",
            "evaluationSeconds",
        ];
        Assert.Equal(members, _command.Last.EnumerateObject().Select(member => member.Name));
        Assert.Equal(["started", "epoch", "epoch", "checkpoint", "split", "completed"], _command.Lines.Select(line => line.GetProperty("event").GetString()));
        Assert.Equal((6, 2, 8, 7), (Number("steps"), Number("epochs"), Number("shards"), Number("seed")));
        Assert.Equal((0, 1, 1), (Number("workers"), Number("threads"), Number("numericsRevision")));
        Assert.Equal(JsonValueKind.Null, _command.Last.GetProperty("resumedFrom").ValueKind);
        Assert.Matches("^[0-9a-f]{64}$", _command.Last.GetProperty("parametersSha256").GetString());
        Assert.InRange(_command.Last.GetProperty("testAccuracy").GetDouble(), 0, 1);
        Assert.Equal("", _command.Error);

        int Number(string name) => _command.Last.GetProperty(name).GetInt32();
    }

    [Fact]
    public async Task Train_OneStep_HasNoRateAndSaysNull()
    {
        Assert.Equal(0, await _command.TrainAsync("--steps", "1"));

        Assert.Equal(JsonValueKind.Null, _command.Last.GetProperty("samplesPerSecond").ValueKind);
    }

    [Fact]
    public async Task Train_Done_LeavesTheRunDirectory()
    {
        Assert.Equal(0, await _command.TrainAsync());

        Assert.Equal(
            [
                "chain.bin", "checkpoints", "incarnation.json", "ledger.bin", "lock", "log", "metrics.jsonl", "parameters.safetensors", "report.html", "run.json",
            ],
            Directory.EnumerateFileSystemEntries(_command.File("run")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(_command.Output.ReplaceLineEndings("\n"), await File.ReadAllTextAsync(_command.File("run/metrics.jsonl"), TestContext.Current.CancellationToken));
        var spec = SpecJson.ReadRun(await File.ReadAllTextAsync(_command.File("run/run.json"), TestContext.Current.CancellationToken), "run.json");
        using var parameters = new Core.Tensors.ParameterSet(spec.Model.ParameterLayout());
        SafeTensors.ReadInto(_command.File("run/parameters.safetensors"), parameters.Layout, parameters.Values);
        Assert.Equal(_command.Last.GetProperty("parametersSha256").GetString(), ParametersHash.Sha256(parameters.Values));
    }

    [Fact]
    public async Task Train_WithoutOut_MakesADirectoryNamedByTimeAndSpec()
    {
        Assert.Equal(0, await _command.RunAsync("train", "--steps", "1"));

        Assert.Matches("^[0-9]{8}-[0-9]{6}-[0-9a-f]{8}$", Path.GetFileName(Assert.Single(Directory.EnumerateDirectories(_command.File("runs")))));
        Assert.Contains("next: disttrain evaluate ", _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_WithoutOutTwiceInOneSecond_TakesADirectoryOfItsOwn()
    {
        _command.Surroundings = _command.Surroundings with { Time = new StoppedClock() };

        Assert.Equal(0, await _command.RunAsync("train", "--steps", "1"));
        Assert.Equal(0, await _command.RunAsync("train", "--steps", "1"));

        Assert.Collection(
            Directory.EnumerateDirectories(_command.File("runs")).Select(Path.GetFileName).Order(StringComparer.Ordinal),
            name => Assert.Matches("^20260102-030405-[0-9a-f]{8}$", name),
            name => Assert.Matches("^20260102-030405-[0-9a-f]{8}-2$", name));
    }

    [Theory]
    [InlineData("train", "--steps", "2", "--json")]
    [InlineData("train", "--steps", "2")]
    [InlineData("train", "--optimizer", "adm", "--json")]
    [InlineData("--help")]
    public async Task Command_OutputThatCannotBeWritten_EndsWithAMessageAndAnExitCode(params string[] arguments)
    {
        using var full = new FullWriter();
        _command.Surroundings = _command.Surroundings with { Output = full };

        Assert.Equal(arguments.Contains("adm") ? 2 : 1, await _command.RunAsync(arguments));

        Assert.StartsWith("disttrain: ", _command.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("unforeseen", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_FromAnotherRunsFile_RepeatsIt()
    {
        string[] options =
        [
            "--model", "multi-layer", "--hidden", "9", "--activation", "sigmoid", "--initializer", "xavier", "--optimizer", "adam", "--beta1", "0.8",
            "--shards", "5", "--batch-size", "97", "--seed", "3",
        ];
        Assert.Equal(0, await _command.TrainAsync(options));
        var first = _command.Last.GetProperty("parametersSha256").GetString();
        var specification = await File.ReadAllTextAsync(_command.File("run/run.json"), TestContext.Current.CancellationToken);

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--config", "run/run.json", "--out", "again", "--threads", "2"));

        Assert.Equal(first, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal(specification, await File.ReadAllTextAsync(_command.File("again/run.json"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Train_OnGivenData_RemembersWhere()
    {
        Assert.Equal(0, await _command.TrainAsync("--data", "somewhere"));
        Assert.Equal(_command.File("somewhere"), _command.Spec("data"));

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--config", "run/run.json", "--out", "again"));
    }

    [Fact]
    public async Task Train_Diverging_ExitsWith1AndSaysWhy()
    {
        var code = await _command.TrainAsync("--optimizer", "sgd", "--lr", "1e38", "--steps", "20");

        Assert.Equal(1, code);
        Assert.Contains("not finite", _command.Error, StringComparison.Ordinal);
        Assert.Equal("failed", _command.Last.GetProperty("event").GetString());
        Assert.False(File.Exists(_command.File("run/parameters.safetensors")));
        Assert.Contains("\"event\":\"failed\"", await File.ReadAllTextAsync(_command.File("run/metrics.jsonl"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(130)]
    [InlineData(143)]
    public async Task Train_StoppedBySignal_SavesAndExitsWith75(int signal)
    {
        Assert.True(_command.Stop.Ask(signal));
        Assert.False(_command.Stop.Ask(143));

        Assert.Equal(75, await _command.TrainAsync());

        Assert.Equal(["started", "checkpoint", "stopped"], _command.Lines.Select(line => line.GetProperty("event").GetString()));
        Assert.Equal(75, _command.Last.GetProperty("exitCode").GetInt32());
    }

    /// <summary>Nothing was begun, so there is nothing to save.</summary>
    [Theory]
    [InlineData(130, "SIGINT")]
    [InlineData(143, "SIGTERM")]
    [InlineData(138, "SIGUSR1")]
    public async Task Train_StoppedBySignalWhileItLoadsData_ExitsWithTheSignalsCode(int exitCode, string signal)
    {
        _command.Surroundings = _command.Surroundings with { LoadDataset = (_, _, cancellation) => Task.FromCanceled<ResolvedDataset>(cancellation) };
        Assert.True(_command.Stop.Ask(exitCode));

        Assert.Equal(exitCode, await _command.TrainAsync());

        Assert.Contains(signal, _command.Error, StringComparison.Ordinal);
        Assert.Equal(exitCode, _command.Last.GetProperty("exitCode").GetInt32());
        Assert.False(Directory.Exists(_command.File("run")));
    }

    [Fact]
    public async Task Train_DataMissing_MakesNoRunDirectory()
    {
        _command.Surroundings = _command.Surroundings with { LoadDataset = (_, _, _) => throw new InvalidInputException("no data here") };

        Assert.Equal(2, await _command.TrainAsync());

        Assert.False(Directory.Exists(_command.File("run")));
        Assert.Contains("no data here", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_SomethingUnforeseen_OneLineAndTheStackInTheLog()
    {
        _command.Surroundings = _command.Surroundings with { Output = new FailingWriter(_command.Surroundings.Output) };

        Assert.Equal(1, await _command.RunAsync("train", "--steps", "1", "--out", "run"));

        Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("the pipe broke", _command.Error, StringComparison.Ordinal);
        Assert.Contains("   at ", await File.ReadAllTextAsync(_command.File("run/log"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    /// <summary>Standard output on a disk that is full for a while: the run, its checkpoints and its metrics go on without it, and its last words are whole.</summary>
    [Fact]
    public async Task Train_OutputFullForAWhile_GoesOnAndSaysSoOnce()
    {
        var disk = new FillingWriter(fullFrom: 2, fullUntil: 5);
        _command.Surroundings = _command.Surroundings with { Output = disk };

        Assert.Equal(0, await _command.RunAsync("train", "--steps", "8", "--out", "run", "--checkpoint-every", "1", "--json", "--optimizer", "adam"));

        Assert.Single(_command.Error.Split('\n'), line => line.Contains("Standard output", StringComparison.Ordinal));
        var lines = disk.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("completed", lines[^1], StringComparison.Ordinal);
        using var last = System.Text.Json.JsonDocument.Parse(lines[^1]);
        var metrics = await File.ReadAllLinesAsync(_command.File("run/metrics.jsonl"), TestContext.Current.CancellationToken);
        Assert.True(metrics.Count(line => line.Contains("checkpoint", StringComparison.Ordinal)) >= 2);
    }

    [Fact]
    public async Task Train_OutputClosed_SaysSoInOneLine()
    {
        _command.Surroundings = _command.Surroundings with { Output = new ClosedWriter() };

        Assert.Equal(1, await _command.RunAsync("train", "--steps", "1", "--out", "run", "--json"));

        Assert.Contains("closed", Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_ForPeople_SaysWhatHappened()
    {
        Assert.Equal(0, await _command.RunAsync("train", "--epochs", "1", "--out", "run"));

        Assert.Contains("epoch 1: train loss", _command.Output, StringComparison.Ordinal);
        Assert.Contains("test accuracy", _command.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("{", _command.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b", _command.Output, StringComparison.Ordinal);
    }

    private sealed class FailingWriter(TextWriter inner) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            if (value!.StartsWith("done", StringComparison.Ordinal))
            {
                throw new NotImplementedException("the pipe broke");
            }

            inner.WriteLine(value);
        }
    }

    /// <summary>Takes half of each of some lines and then fails.</summary>
    private sealed class FillingWriter(int fullFrom, int fullUntil) : StringWriter
    {
        private int _lines;

        public override void WriteLine(string? value)
        {
            if (++_lines >= fullFrom && _lines < fullUntil)
            {
                Write(value.AsSpan(0, value!.Length / 2));
                throw new IOException("No space left on device");
            }

            base.WriteLine(value);
        }
    }

    private sealed class ClosedWriter : StringWriter
    {
        public override void WriteLine(string? value) => throw new UnauthorizedAccessException("Access to the path is denied: it is closed.");
    }

    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    }

    /// <summary>Like a full disk behind standard output.</summary>
    private sealed class FullWriter : StringWriter
    {
        public override void Write(char value) => throw new IOException("No space left on device");

        public override void Write(string? value) => throw new IOException("No space left on device");

        public override void Write(char[] buffer, int index, int count) => throw new IOException("No space left on device");

        public override void Write(ReadOnlySpan<char> buffer) => throw new IOException("No space left on device");
    }
}
