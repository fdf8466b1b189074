using DistTrain.Core.Checkpoints;

namespace DistTrain.Cli.Tests.Verbs;

/// <summary>A run that was ended goes on in the same bits, or says why it cannot and changes nothing.</summary>
public sealed class ResumeTests : IDisposable
{
    private static readonly string[] Options = ["--batch-size", "50", "--optimizer", "adam", "--json"];
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Resume_LongerThanBefore_EndsInTheBitsOfOneRun()
    {
        var calm = await CalmAsync("7");
        Assert.Equal(0, await TrainAsync("--steps", "4", "--out", "run"));

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--steps", "7"));

        Assert.Equal(calm, Hash());
        Assert.Equal(4, _command.Last.GetProperty("resumedFrom").GetInt64());
        Assert.Equal(4, _command.Lines[0].GetProperty("resumedFrom").GetInt64());
        Assert.Equal("7", _command.Spec("steps"));
        var chain = await File.ReadAllBytesAsync(_command.File("run/chain.bin"), TestContext.Current.CancellationToken);
        Assert.Equal(await File.ReadAllBytesAsync(_command.File("calm/chain.bin"), TestContext.Current.CancellationToken), chain);
    }

    [Fact]
    public async Task Resume_AfterAStopAtEachStep_EndsInTheBitsOfOneRun()
    {
        var calm = await CalmAsync("6");
        for (var step = 1; step <= 6; step++)
        {
            Assert.Equal(0, await TrainAsync("--steps", FormattableString.Invariant($"{step}"), "--out", "run", "--resume", "auto"));
        }

        Assert.Equal(calm, Hash());
    }

    [Fact]
    public async Task Resume_AfterTheEnd_SaysTheResultAgain()
    {
        var calm = await CalmAsync("4");

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "calm"));

        Assert.Equal(calm, Hash());
    }

    [Fact]
    public async Task Resume_InMidSchedule_EndsInTheBitsOfOneRunIfItsLengthWasSaid()
    {
        string[] schedule = ["--schedule", "cosine", "--warmup-steps", "2", "--decay-steps", "6", "--weight-decay", "0.01"];
        var calm = await CalmAsync("7", schedule);
        Assert.Equal(0, await TrainAsync(["--steps", "4", "--out", "run", .. schedule]));

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--steps", "7"));

        Assert.Equal(calm, Hash());
    }

    [Fact]
    public async Task Resume_LongerThanAScheduleOverTheWholeRun_IsRefusedAndNothingChanges()
    {
        Assert.Equal(0, await TrainAsync("--steps", "4", "--out", "run", "--schedule", "cosine"));
        var before = Snapshot("run/checkpoints");

        Assert.Equal(2, await _command.RunAsync("train", "--resume", "auto", "--out", "run", "--steps", "7"));

        Assert.Contains("steps: 4 in the checkpoint, 7 asked for, but its cosine schedule runs over the whole run", _command.Error, StringComparison.Ordinal);
        Assert.Contains("--decay-steps", _command.Error, StringComparison.Ordinal);
        Assert.Equal(before, Snapshot("run/checkpoints"));
        Assert.Equal("4", _command.Spec("steps"));
        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run"));
    }

    /// <summary>There is nothing left to compute, so nobody is waited for.</summary>
    [Fact]
    public async Task Resume_AfterTheEndByACoordinator_NeedsNoWorkers()
    {
        var calm = await CalmAsync("4");

        Assert.Equal(0, await _command.RunAsync("coordinator", "--listen", "127.0.0.1:0", "--json", "--resume", "auto", "--out", "calm", "--start-timeout", "5"));

        Assert.Equal(calm, Hash());
    }

    [Theory]
    [InlineData("source")]
    [InlineData("source/checkpoints/step-000000000003")]
    [InlineData("source/checkpoints/step-000000000003/")]
    public async Task Resume_FromAnotherRunOrItsCheckpoint_BeginsANewOneThere(string from)
    {
        var calm = await CalmAsync("6");
        Assert.Equal(0, await TrainAsync("--steps", "3", "--out", "source"));
        var before = Snapshot("source");

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", from, "--out", "run", "--steps", "6"));

        Assert.Equal(calm, Hash());
        Assert.Equal(before, Snapshot("source"));
        // Whatever ends it from the first step on, it goes on from there and not from step 0.
        Assert.True(Directory.Exists(_command.File("run/checkpoints/step-000000000003")));
    }

    /// <summary>A shell completes the name of a directory with a slash.</summary>
    [Theory]
    [InlineData("run/", "run")]
    [InlineData("run", "run/")]
    [InlineData("run/checkpoints/step-000000000003/", null)]
    public async Task Resume_NamedWithASlash_IsTheSameDirectory(string from, string? to)
    {
        var calm = await CalmAsync("6");
        Assert.Equal(0, await TrainAsync("--steps", "3", "--out", "run"));

        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--steps", "6", "--resume", from, .. to is null ? Array.Empty<string>() : ["--out", to]]));

        Assert.Equal(calm, Hash());
        Assert.Equal(3, _command.Last.GetProperty("resumedFrom").GetInt64());
    }

    [Fact]
    public async Task Resume_NewestDamaged_TakesTheOneBeforeAndSaysSo()
    {
        var calm = await CalmAsync("6");
        Assert.Equal(0, await TrainAsync("--steps", "3", "--out", "run"));
        Assert.Equal(0, await TrainAsync("--steps", "4", "--out", "run", "--resume", "auto"));
        Damage("run/checkpoints/step-000000000004/optimizer.safetensors");

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--steps", "6"));

        Assert.Equal(calm, Hash());
        Assert.Equal(3, _command.Last.GetProperty("resumedFrom").GetInt64());
        Assert.Contains("step-000000000004", _command.Error, StringComparison.Ordinal);
        Assert.Contains("optimizer.safetensors", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resume_OlderCheckpointInItsOwnRun_AsksForAnotherDirectory()
    {
        Assert.Equal(0, await TrainAsync("--steps", "2", "--out", "run"));
        Assert.Equal(0, await TrainAsync("--steps", "3", "--out", "run", "--resume", "auto"));

        Assert.Equal(2, await _command.RunAsync("train", "--json", "--resume", "run/checkpoints/step-000000000002", "--steps", "6"));

        Assert.Contains("--out", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resume_EveryCheckpointDamaged_IsRefused()
    {
        Assert.Equal(0, await TrainAsync("--steps", "2", "--out", "run"));
        Damage("run/checkpoints/step-000000000002/state.json");

        Assert.Equal(2, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--steps", "6"));

        Assert.Contains("None of the checkpoints", _command.Error, StringComparison.Ordinal);
        Assert.True(Directory.Exists(_command.File("run/checkpoints/step-000000000002")));
    }

    [Fact]
    public async Task Resume_NamedCheckpointPartial_NamesTheFileAndChangesNothing()
    {
        Assert.Equal(0, await TrainAsync("--steps", "2", "--out", "run"));
        File.Delete(_command.File("run/checkpoints/step-000000000002/parameters.safetensors"));
        var before = Snapshot("run/checkpoints");

        Assert.Equal(2, await _command.RunAsync("train", "--json", "--resume", "run/checkpoints/step-000000000002", "--steps", "6"));

        Assert.Contains("parameters.safetensors", _command.Error, StringComparison.Ordinal);
        Assert.Equal(before, Snapshot("run/checkpoints"));
    }

    [Theory]
    [InlineData("--lr", "0.5", "optimizer.learningRate")]
    [InlineData("--seed", "2", "seed")]
    [InlineData("--shards", "4", "shardCount")]
    [InlineData("--steps", "2", "steps")]
    public async Task Resume_AnotherRun_NamesTheFieldAndChangesNothing(string option, string value, string field)
    {
        Assert.Equal(0, await TrainAsync("--steps", "4", "--out", "run"));
        var before = Snapshot("run/checkpoints");

        Assert.Equal(2, await _command.RunAsync(["train", "--json", "--resume", "auto", "--out", "run", option, value]));

        Assert.Contains(field, _command.Error, StringComparison.Ordinal);
        Assert.Equal(before, Snapshot("run/checkpoints"));
        Assert.Equal("4", _command.Spec("steps"));
    }

    [Fact]
    public async Task Resume_WhileAnotherProcessHoldsTheRun_NamesIt()
    {
        Assert.Equal(0, await TrainAsync("--steps", "2", "--out", "run"));
        using var other = RunJournal.Open(
            DiskFileSystem.Instance, _command.File("run"), new RunHolder("that-host", 4711, DateTimeOffset.UnixEpoch), new JournalOptions(), _ => { });

        Assert.Equal(2, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--steps", "6"));

        Assert.Contains("4711 on that-host", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resume_AutoInAnEmptyDirectory_BeginsThere()
    {
        Directory.CreateDirectory(_command.File("run"));

        Assert.Equal(0, await TrainAsync("--steps", "2", "--out", "run", "--resume", "auto"));

        Assert.Equal(System.Text.Json.JsonValueKind.Null, _command.Last.GetProperty("resumedFrom").ValueKind);
    }

    /// <summary>What a kill leaves between taking the directory and the first checkpoint.</summary>
    [Fact]
    public async Task Resume_EndedBeforeItsFirstCheckpoint_BeginsAgain()
    {
        var calm = await CalmAsync("3");
        Assert.Equal(0, await TrainAsync("--steps", "3", "--out", "run"));
        Directory.Delete(_command.File("run/checkpoints"), recursive: true);
        Directory.CreateDirectory(_command.File("early"));
        await File.WriteAllTextAsync(_command.File("early/metrics.jsonl"), "", TestContext.Current.CancellationToken);

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run"));
        Assert.Equal(calm, Hash());
        Assert.Equal(0, await TrainAsync("--steps", "3", "--out", "early", "--resume", "auto"));
        Assert.Equal(calm, Hash());
    }

    [Fact]
    public async Task Resume_WithoutItsRunFile_GoesOnWithTheCheckpointsRun()
    {
        var calm = await CalmAsync("6");
        Assert.Equal(0, await TrainAsync("--steps", "3", "--out", "run"));
        File.Delete(_command.File("run/run.json"));

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--steps", "6"));

        Assert.Equal(calm, Hash());
    }

    [Fact]
    public async Task Resume_CheckpointsIsAFile_IsRefusedAndChangesNothing()
    {
        Assert.Equal(0, await TrainAsync("--steps", "2", "--out", "run"));
        Directory.Delete(_command.File("run/checkpoints"), recursive: true);
        _command.Write("run/checkpoints", "");
        var before = await File.ReadAllBytesAsync(_command.File("run/chain.bin"), TestContext.Current.CancellationToken);

        Assert.Equal(2, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--steps", "6"));

        Assert.Contains("checkpoints is a file", _command.Error, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(_command.File("run/chain.bin"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Train_DiskFullForItsLines_GoesOnAndSaysSoOnce()
    {
        const string Full = "/dev/full";
        Assert.SkipUnless(File.Exists(Full), $"there is no {Full}");
        var calm = await CalmAsync("6");
        Assert.Equal(0, await TrainAsync("--steps", "3", "--out", "run"));
        File.Delete(_command.File("run/metrics.jsonl"));
        File.CreateSymbolicLink(_command.File("run/metrics.jsonl"), Full);

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--resume", "auto", "--out", "run", "--steps", "6", "--checkpoint-every", "1"));

        Assert.Equal(calm, Hash());
        Assert.Single(_command.Error.Split('\n'), line => line.Contains("metrics.jsonl: lines are left out", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("nowhere")]
    [InlineData(".")]
    public async Task Resume_NothingToGoOnFrom_IsRefused(string from)
    {
        Assert.Equal(2, await TrainAsync("--resume", from));
        Assert.Contains("--out", _command.Error + " --out", StringComparison.Ordinal);
        Assert.Contains("--resume", _command.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_command.Directory));
    }

    [Fact]
    public async Task Resume_DirectoryOfSomethingElse_IsRefused()
    {
        _command.Write("other.txt", "");

        Assert.Equal(2, await TrainAsync("--resume", "auto", "--out", "."));

        Assert.Contains("holds no run", _command.Error, StringComparison.Ordinal);
        Assert.Equal(["other.txt"], Directory.EnumerateFileSystemEntries(_command.Directory).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("s")]
    [InlineData("0s")]
    [InlineData("often")]
    public async Task CheckpointEvery_NoRule_IsRefused(string rule)
    {
        Assert.Equal(2, await TrainAsync("--out", "run", "--checkpoint-every", rule));
        Assert.Contains("--checkpoint-every", _command.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_command.File("run")));
    }

    [Fact]
    public async Task KeepCheckpoints_None_IsRefusedBeforeAnythingIsMade()
    {
        Assert.Equal(2, await TrainAsync("--out", "run", "--keep-checkpoints", "0"));
        Assert.Contains("--keep-checkpoints", _command.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_command.File("run")));
    }

    [Fact]
    public async Task KeepCheckpoints_Two_KeepsTheNewest()
    {
        Assert.Equal(0, await TrainAsync("--steps", "5", "--out", "run", "--checkpoint-every", "1", "--keep-checkpoints", "2"));

        var kept = Directory.EnumerateDirectories(_command.File("run/checkpoints")).Select(Path.GetFileName).Order().ToList();
        Assert.Equal(2, kept.Count);
        Assert.Equal("step-000000000005", kept[^1]);
    }

    private Task<int> TrainAsync(params string[] arguments) => _command.RunAsync(["train", .. Options, .. arguments]);

    private async Task<string> CalmAsync(string steps, params string[] more)
    {
        Assert.Equal(0, await TrainAsync(["--steps", steps, "--out", "calm", .. more]));
        return Hash();
    }

    private string Hash() => _command.Last.GetProperty("parametersSha256").GetString()!;

    private void Damage(string name)
    {
        var bytes = File.ReadAllBytes(_command.File(name));
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(_command.File(name), bytes);
    }

    /// <summary>Every file below a directory, with its content.</summary>
    private List<(string Name, string Content)> Snapshot(string name) =>
    [
        .. Directory.EnumerateFiles(_command.File(name), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => (path, Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path))))),
    ];
}
