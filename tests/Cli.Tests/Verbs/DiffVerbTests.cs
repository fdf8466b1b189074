using System.Text.Json;

namespace DistTrain.Cli.Tests.Verbs;

/// <summary>Two runs, side by side. Their directories stay as they were.</summary>
public sealed class DiffVerbTests : IDisposable
{
    private static readonly string[] Options = ["--batch-size", "50", "--shards", "5", "--optimizer", "adam"];
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Diff_EqualRuns_AreEqualToTheEnd()
    {
        await StagesAsync("a");
        await StagesAsync("b", "--threads", "3");
        var before = RunFiles.Snapshot(_command.Directory);

        Assert.Equal(0, await DiffAsync());
        Assert.Equal(("equal", 7, 0), (_command.Last.GetProperty("outcome").GetString(), EqualThrough, _command.Last.GetProperty("fields").GetArrayLength()));
        Assert.Equal(JsonValueKind.Null, _command.Last.GetProperty("firstDifference").ValueKind);
        Assert.Equal(0, await _command.RunAsync("diff", "a", "b"));
        Assert.EndsWith("equal through step 7\n", _command.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Equal(before, RunFiles.Snapshot(_command.Directory));
    }

    [Fact]
    public async Task Diff_OneRunLonger_AreEqualAsFarAsBothGo()
    {
        await StagesAsync("a");
        await TrainAsync("b", "--steps", "4");

        Assert.Equal(0, await DiffAsync());

        Assert.Equal(4, EqualThrough);
        Assert.Equal(["steps: 7 in A, 4 in B"], Fields);
    }

    /// <summary>It has no record of the steps before the one it began at.</summary>
    [Fact]
    public async Task Diff_RunThatBeganAtAnothersCheckpoint_ComparesWhatBothKnow()
    {
        await StagesAsync("a");
        await TrainAsync("b", "--steps", "7", "--resume", "a/checkpoints/step-000000000003");
        await TrainAsync("short", "--steps", "2");

        Assert.Equal(0, await DiffAsync());
        Assert.Equal((7, 3), (EqualThrough, _command.Last.GetProperty("unknown").GetInt64()));
        Assert.Equal(2, await DiffAsync("short", "b"));
        Assert.Contains("no step whose hash both runs know", _command.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--seed", "2", 0, "seed: 1 in A, 2 in B")]
    [InlineData("--lr", "0.002", 1, "optimizer.learningRate: 0.001 in A, 0.002 in B")]
    public async Task Diff_OtherSeedOrLearningRate_NamesFieldStepAndTensor(string option, string value, long step, string field)
    {
        await StagesAsync("a");
        await StagesAsync("b", option, value);

        Assert.Equal(1, await DiffAsync());

        Assert.Equal(step, FirstDifference);
        Assert.Equal([field], Fields);
        Assert.Equal((true, true), Agree);
        var tensor = _command.Last.GetProperty("recomputed").GetProperty("tensors")[0];
        Assert.Equal("0.weight", tensor.GetProperty("tensor").GetString());
        Assert.NotEqual(tensor.GetProperty("valueA").GetSingle(), tensor.GetProperty("valueB").GetSingle());
        Assert.InRange(tensor.GetProperty("largestDistance").GetDouble(), double.Epsilon, 2);
        Assert.Equal(1, await _command.RunAsync("diff", "a", "b"));
        Assert.Contains("The first tensor that differs: 0.weight[", _command.Output, StringComparison.Ordinal);
        Assert.Contains(field, _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Diff_OtherLayout_SaysSo()
    {
        await TrainAsync("a", "--steps", "2");
        await TrainAsync("b", "--steps", "2", "--model", "multi-layer", "--hidden", "7");

        Assert.Equal(1, await _command.RunAsync("diff", "a", "b"));

        Assert.Contains("other layouts", _command.Output, StringComparison.Ordinal);
        Assert.Contains("0.weight: (100, 784) in A, (7, 784) in B", _command.Output, StringComparison.Ordinal);
    }

    /// <summary>Equal specifications: one of the two must have been computed wrong.</summary>
    [Theory]
    [InlineData("a", "wrong", "B's record is wrong")]
    [InlineData("wrong", "a", "A's record is wrong")]
    public async Task Diff_OneRunWentWrong_SaysWhichAndWhatItsCheckpointsHold(string first, string second, string expected)
    {
        await StagesAsync("a");
        await RunFiles.LieAsync(_command, "a", "wrong", wrongAfter: 4);

        Assert.Equal(1, await _command.RunAsync("diff", first, second));
        Assert.Contains($"Computed again, both come to the same parameters after step 5. {expected}", _command.Output, StringComparison.Ordinal);
        Assert.Contains("lied", _command.Output, StringComparison.Ordinal);
        Assert.Contains("The checkpoints after step 6 differ.", _command.Output, StringComparison.Ordinal);
        Assert.Equal(1, await DiffAsync(first, second));
        Assert.Equal((4, 5), (EqualThrough, FirstDifference));
        Assert.Equal((first == "a", second == "a"), Agree);
        Assert.Equal("0.weight[0, 1]", _command.Last.GetProperty("checkpoints").GetProperty("tensors")[0].GetProperty("element").GetString());
    }

    [Fact]
    public async Task Diff_OneEntryOfOneChainDamaged_BlamesTheFileAndNotTheRun()
    {
        await StagesAsync("a");
        RunFiles.Copy(_command.File("a"), _command.File("b"));
        RunFiles.ChangeChain(_command.File("b/chain.bin"), 4, 1);

        Assert.Equal(1, await _command.RunAsync("diff", "a", "b"));

        Assert.Contains("B's record is wrong, in chain.bin at byte 64; after step 5 both are equal again", _command.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("lied", _command.Output, StringComparison.Ordinal);
        Assert.Contains("The checkpoints after step 6 hold the same parameters.", _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Diff_DataNotThere_ShowsWhatTheCheckpointsHold()
    {
        await StagesAsync("a");
        await RunFiles.LieAsync(_command, "a", "wrong", wrongAfter: 4);
        _command.Surroundings = _command.Surroundings with { LoadDataset = (_, _, _) => throw new Core.InvalidInputException("no data here") };

        Assert.Equal(1, await DiffAsync("a", "wrong"));

        Assert.Contains("no data here", _command.Error, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, _command.Last.GetProperty("recomputed").ValueKind);
        Assert.Equal(6, _command.Last.GetProperty("checkpoints").GetProperty("step").GetInt64());
    }

    [Theory]
    [InlineData("", "RUN_A")]
    [InlineData("a", "RUN_B")]
    [InlineData("a nowhere", "no run directory", "nowhere")]
    [InlineData("a nochain", "nochain/chain.bin", "is missing")]
    public async Task Diff_BadInput_SaysWhatAndWhereAndExitsWith2(string line, params string[] expected)
    {
        await TrainAsync("a", "--steps", "2");
        RunFiles.Copy(_command.File("a"), _command.File("nochain"));
        File.Delete(_command.File("nochain/chain.bin"));

        Assert.Equal(2, await _command.RunAsync(["diff", .. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)]));

        Assert.All(expected, part => Assert.Contains(part, _command.Error, StringComparison.Ordinal));
        Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private long EqualThrough => _command.Last.GetProperty("equalThrough").GetInt64();

    private long FirstDifference => _command.Last.GetProperty("firstDifference").GetInt64();

    private IEnumerable<string?> Fields => _command.Last.GetProperty("fields").EnumerateArray().Select(text => text.GetString());

    private (bool A, bool B) Agree => (
        _command.Last.GetProperty("recomputed").GetProperty("a").GetProperty("agreesWithRecord").GetBoolean(),
        _command.Last.GetProperty("recomputed").GetProperty("b").GetProperty("agreesWithRecord").GetBoolean());

    private Task<int> DiffAsync(string first = "a", string second = "b") => _command.RunAsync("diff", first, second, "--json");

    private async Task TrainAsync(string name, params string[] arguments) =>
        Assert.Equal(0, await _command.RunAsync(["train", "--json", .. Options, "--out", name, .. arguments]));

    private Task StagesAsync(string name, params string[] more) => RunFiles.TrainAsync(_command, name, [.. Options, .. more]);
}
