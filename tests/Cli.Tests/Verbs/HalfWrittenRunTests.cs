namespace DistTrain.Cli.Tests.Verbs;

/// <summary>What a run leaves whose process or disk failed in the middle of writing: each verb that reads it says one thing, or does without what is missing.</summary>
public sealed class HalfWrittenRunTests : IDisposable
{
    private static readonly string[] Readers =
        ["evaluate bad", "inspect --health bad", "diff good bad", "diff bad good", "replay --run bad --step 7", "train --resume auto --out bad", "train --resume bad --out new --steps 7"];

    private readonly CommandRun _command = new();

    /// <summary>What is wrong, the verbs that cannot do without it, and what they say. The others give the run's result.</summary>
    public static TheoryData<string, string, string[]> Damages => new()
    {
        { "run.json missing", "evaluate|inspect|diff|replay", ["holds no run: it has no run.json", "'disttrain train'"] },
        { "run.json empty", "evaluate|inspect|diff|replay|train --resume auto", ["run.json (line 1): the file is empty.", "--resume auto --out"] },
        { "run.json cut", "evaluate|inspect|diff|replay|train --resume auto", ["run.json (line ", "the file ends too early; it has been cut off.", "--resume auto --out"] },
        { "metrics.jsonl torn", "", [] },
        { "log torn", "", [] },
        { "parameters.safetensors missing", "evaluate", ["has no parameters.safetensors", "the run has not come to its end", "--resume"] },
        { "parameters.safetensors cut", "evaluate", ["parameters.safetensors: "] },
        { "checkpoints/step-000000000007/state.json missing", "", [] },
        { "checkpoints/step-000000000007/manifest.json empty", "", [] },
        { "checkpoints/step-000000000007/parameters.safetensors cut", "", [] },
        { "checkpoints/step-000000000007/manifest.json missing", "", [] },
        { "chain.bin missing", "diff|replay", ["chain.bin", "is missing"] },
        { "chain.bin empty", "diff|replay", ["chain.bin", "no whole entry"] },
        { "chain.bin torn", "replay", ["has recorded 6 steps so far"] },
        { "ledger.bin torn", "", [] },
        { "incarnation.json empty", "", [] },
        { "incarnation.json missing", "", [] },
        { "lock empty", "", [] },
    };

    public void Dispose() => _command.Dispose();

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Verb_OfADamagedRun_SaysOneThingOrDoesWithout(string damage, string refusing, string[] expected)
    {
        await RunFiles.TrainAsync(_command, "good", "--model", "multi-layer", "--hidden", "4");
        var result = (_command.Last.GetProperty("testAccuracy").GetDouble(), _command.Last.GetProperty("parametersSha256").GetString());
        foreach (var line in Readers)
        {
            Directory.GetDirectories(_command.Directory, "*").Where(path => Path.GetFileName(path) is "bad" or "new").ToList().ForEach(path => Directory.Delete(path, recursive: true));
            RunFiles.Copy(_command.File("good"), _command.File("bad"));
            Damage(_command.File("bad/" + damage.Split(' ')[0]), damage.Split(' ')[1]);

            var code = await _command.RunAsync([.. line.Split(' '), .. line.StartsWith("diff", StringComparison.Ordinal) ? [] : new[] { "--json" }]);

            if (refusing.Split('|').Any(verb => verb.Length > 0 && line.StartsWith(verb, StringComparison.Ordinal)))
            {
                Assert.Equal((line, 2), (line, code));
                Assert.All(expected, part => Assert.Contains(part, _command.Error, StringComparison.Ordinal));
                Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            }
            else
            {
                Assert.Equal((line, 0, ""), (line, code, code == 0 ? "" : _command.Error));
                if (line.StartsWith("train", StringComparison.Ordinal) || line.StartsWith("evaluate", StringComparison.Ordinal))
                {
                    Assert.Equal(result, (_command.Last.GetProperty("testAccuracy").GetDouble(), _command.Last.GetProperty("parametersSha256").GetString()));
                }
            }
        }
    }

    /// <summary>Neither a run that has ended nor a file that was never finished lets an operator wait.</summary>
    [Theory]
    [InlineData("lock empty")]
    [InlineData("lock missing")]
    [InlineData("incarnation.json empty")]
    [InlineData("incarnation.json missing")]
    [InlineData("run.json empty")]
    public async Task Status_OfADamagedRun_SaysThatNobodyIsThere(string damage)
    {
        Assert.Equal(0, await _command.TrainAsync());
        Damage(_command.File("run/" + damage.Split(' ')[0]), damage.Split(' ')[1]);

        Assert.Equal(2, await _command.RunAsync("status", "--run", "run"));

        Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(_command.File("run"), _command.Error, StringComparison.Ordinal);
    }

    private static void Damage(string path, string how)
    {
        if (how == "missing")
        {
            File.Delete(path);
        }
        else if (how == "torn" && Path.GetExtension(path) != ".bin")
        {
            File.AppendAllText(path, "{\"event\":\"progr");
        }
        else
        {
            using var file = File.OpenWrite(path);
            file.SetLength(how switch { "empty" => 0, "torn" => file.Length - 5, _ => file.Length / 2 });
        }
    }
}
