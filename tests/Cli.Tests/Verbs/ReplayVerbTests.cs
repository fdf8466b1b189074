using System.Text.Json;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Cli.Tests.Verbs;

/// <summary>A run of 7 steps with checkpoints after the steps 3, 6 and 7, computed again. Its directory stays as it was.</summary>
public sealed class ReplayVerbTests : IDisposable
{
    private static readonly string[] Options = ["--batch-size", "50", "--shards", "5", "--optimizer", "adam"];
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Theory]
    [InlineData("1", null, 0, 1)]
    [InlineData("3", "step-000000000003", 3, 0)]
    [InlineData("5", "step-000000000003", 3, 2)]
    [InlineData("7", "step-000000000007", 7, 0)]
    public async Task Replay_AnyStep_IsEqualAndWritesNothing(string step, string? checkpoint, long from, long steps)
    {
        await TrainAsync("run");
        var before = RunFiles.Snapshot(_command.File("run"));

        Assert.Equal(0, await _command.RunAsync("replay", "--run", "run", "--step", step, "--threads", "2", "--json"));

        var line = Assert.Single(_command.Lines);
        Assert.Equal(("replayed", "equal"), (line.GetProperty("event").GetString(), line.GetProperty("outcome").GetString()));
        Assert.Equal(checkpoint, Path.GetFileName(line.GetProperty("checkpoint").GetString()));
        Assert.Equal((from, steps), (line.GetProperty("fromStep").GetInt64(), line.GetProperty("stepsRecomputed").GetInt64()));
        Assert.Equal(line.GetProperty("recorded").GetString(), line.GetProperty("chain").GetString());
        Assert.Equal(before, RunFiles.Snapshot(_command.File("run")));
        Assert.Equal("", _command.Error);
    }

    [Fact]
    public async Task Replay_RunThatGoesOn_NeitherWaitsNorWrites()
    {
        await TrainAsync("run");
        using var holder = RunJournal.Open(
            DiskFileSystem.Instance, _command.File("run"), new RunHolder("that-host", 4711, DateTimeOffset.UnixEpoch), new JournalOptions(), _ => { });
        // Half an entry, as the run writes it.
        await File.AppendAllTextAsync(_command.File("run/chain.bin"), "1234567", TestContext.Current.CancellationToken);
        var before = RunFiles.Snapshot(_command.File("run"));

        Assert.Equal(0, await _command.RunAsync("replay", "--run", "run", "--step", "7"));

        Assert.EndsWith("equal\n", _command.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Equal(before, RunFiles.Snapshot(_command.File("run")));
    }

    [Fact]
    public async Task Replay_OneEntryOfTheChainDamaged_NamesItsStep()
    {
        await TrainAsync("run");
        RunFiles.ChangeChain(_command.File("run/chain.bin"), 4, 1);

        Assert.Equal(1, await _command.RunAsync("replay", "--run", "run", "--step", "5", "--json"));
        Assert.Equal(("differs", 4), (_command.Last.GetProperty("outcome").GetString(), _command.Last.GetProperty("firstDifference").GetInt64()));
        Assert.Equal(1, await _command.RunAsync("replay", "--run", "run", "--step", "5"));
        Assert.Contains("is 4 (chain.bin, byte 64)", _command.Output, StringComparison.Ordinal);
        Assert.Contains("the file was damaged", _command.Output, StringComparison.Ordinal);
        // Not in the stretch that is computed.
        Assert.Equal(0, await _command.RunAsync("replay", "--run", "run", "--step", "7"));
    }

    [Fact]
    public async Task Replay_RunThatWentWrong_NamesTheFirstWrongStep()
    {
        await TrainAsync("run");
        await RunFiles.LieAsync(_command, "run", "wrong", wrongAfter: 4);

        Assert.Equal(1, await _command.RunAsync("replay", "--run", "wrong", "--step", "5", "--json"));

        Assert.Equal(5, _command.Last.GetProperty("firstDifference").GetInt64());
        Assert.NotEqual(_command.Last.GetProperty("recorded").GetString(), _command.Last.GetProperty("chain").GetString());
    }

    /// <summary>The checkpoint's files are whole, but its parameters were changed after their hash was taken.</summary>
    [Fact]
    public async Task Replay_CheckpointOfWrongParameters_IsNoPlaceToBegin()
    {
        await TrainAsync("run");
        await RunFiles.LieAsync(_command, "run", "wrong", wrongAfter: 3);

        Assert.Equal(1, await _command.RunAsync("replay", "--run", "wrong", "--step", "5", "--json"));

        Assert.Equal((0, 4), (_command.Last.GetProperty("fromStep").GetInt64(), _command.Last.GetProperty("firstDifference").GetInt64()));
        Assert.Contains("step-000000000003 is passed over", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replay_CheckpointDamaged_FallsBackToAnOlderOneAndSaysSo()
    {
        await TrainAsync("run");
        RunFiles.Damage(_command.File("run/checkpoints/step-000000000006/parameters.safetensors"));

        Assert.Equal(0, await _command.RunAsync("replay", "--run", "run", "--step", "6", "--json"));

        Assert.Equal(3, _command.Last.GetProperty("fromStep").GetInt64());
        Assert.Contains("step-000000000006", _command.Error, StringComparison.Ordinal);
        Assert.Contains("parameters.safetensors", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replay_EntryUnknown_SaysWhichStepToTake()
    {
        await TrainAsync("run");
        RunFiles.ChangeChain(_command.File("run/chain.bin"), 4, 0);
        RunFiles.ChangeChain(_command.File("run/chain.bin"), 5, 0);

        Assert.Equal(2, await _command.RunAsync("replay", "--run", "run", "--step", "4"));

        Assert.Contains("recorded    unknown", _command.Output, StringComparison.Ordinal);
        Assert.Contains("chain.bin: byte 64", _command.Error, StringComparison.Ordinal);
        Assert.Contains("known is 6", _command.Error, StringComparison.Ordinal);
    }

    /// <summary>The leaf of a shard is the same whatever ranges were leased; the ledger says who delivered it.</summary>
    [Fact]
    public async Task ReplayShard_OfRunsOnAnyThreads_HasOneFingerprint()
    {
        await TrainAsync("run");
        await TrainAsync("other", "--threads", "3");
        var prints = new List<string>();
        for (var shard = 0; shard < 5; shard++)
        {
            var (first, second) = (await ShardAsync("run", shard, "1"), await ShardAsync("other", shard, "2"));
            Assert.Equal(first.ToString(), second.ToString());
            Assert.Equal(10, first.GetProperty("samples").GetInt32());
            // Step 5 is in the second stage: each took the run over anew.
            Assert.Equal((1, 2, 0, 5), (
                first.GetProperty("worker").GetInt32(), first.GetProperty("incarnation").GetInt32(), first.GetProperty("firstShard").GetInt32(),
                first.GetProperty("endShard").GetInt32()));
            prints.Add(first.GetProperty("gradient").GetString()!);
        }

        Assert.Distinct(prints);

        async Task<JsonElement> ShardAsync(string run, int shard, string threads)
        {
            Assert.Equal(0, await _command.RunAsync("replay", "--run", run, "--step", "5", "--shard", $"{shard}", "--threads", threads, "--json"));
            Assert.Equal((3, 1), (_command.Last.GetProperty("fromStep").GetInt64(), _command.Last.GetProperty("stepsRecomputed").GetInt64()));
            return _command.Last.GetProperty("shard");
        }
    }

    [Fact]
    public async Task ReplayShard_OfTheFirstStep_IsThatOfTheInitialParameters()
    {
        await TrainAsync("run");

        Assert.Equal(0, await _command.RunAsync("replay", "--run", "run", "--step", "1", "--shard", "4"));

        Assert.Contains("shard 4 of the update that led to the parameters after step 1", _command.Output, StringComparison.Ordinal);
        Assert.Contains("by worker 1 to incarnation 1, in the node of shards [0, 5)", _command.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--step 1", "--run DIR")]
    [InlineData("--run run", "--step T")]
    [InlineData("--run run --step 0", "--step is '0'")]
    [InlineData("--run run --step 8", "7 steps", "from 1 to 7")]
    [InlineData("--run run --step 1 --shard 5", "5 shards a step", "from 0 to 4")]
    [InlineData("--run nowhere --step 1", "no run directory", "nowhere")]
    [InlineData("--run . --step 1", "holds no run", "run.json")]
    [InlineData("--run nochain --step 1", "chain.bin", "is missing")]
    [InlineData("--run cutchain --step 1", "chain.bin", "no whole entry")]
    [InlineData("--run otherdata --step 1", "digest", "--data DIR")]
    [InlineData("--run nodata --step 1", "run.json does not say with which data")]
    public async Task Replay_BadInput_SaysWhatAndWhereAndExitsWith2(string line, params string[] expected)
    {
        await TrainAsync("run");
        foreach (var name in (ReadOnlySpan<string>)["nochain", "cutchain", "otherdata", "nodata"])
        {
            RunFiles.Copy(_command.File("run"), _command.File(name));
        }

        File.Delete(_command.File("nochain/chain.bin"));
        _command.Write("cutchain/chain.bin", "123456789");
        var json = await File.ReadAllTextAsync(_command.File("run/run.json"), TestContext.Current.CancellationToken);
        _command.Write("otherdata/run.json", json.Replace(_command.Spec("dataset.digest"), "abc", StringComparison.Ordinal));
        _command.Write("nodata/run.json", """{ "dataset": "synthetic" }""");

        Assert.Equal(2, await _command.RunAsync(["replay", .. line.Split(' ')]));

        Assert.All(expected, part => Assert.Contains(part, _command.Error, StringComparison.Ordinal));
        Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private Task TrainAsync(string name, params string[] more) => RunFiles.TrainAsync(_command, name, [.. Options, .. more]);
}
