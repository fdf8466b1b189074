using System.Text.Json;
using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Tests.Verbs;

/// <summary>Searches on 96 training and 24 validation samples: two steps of 50 per epoch.</summary>
public sealed class SearchVerbTests : IDisposable
{
    private static readonly string[] Options =
        ["--model", "multi-layer", "--hidden", "8", "--lr", "log:1e-3..1", "--optimizer", "list:sgd,adam", "--batch-size", "50", "--epochs", "4", "--trials", "8", "--halving", "2", "--seed", "3", "--json"];

    private const int Trainings = 14;

    private readonly CommandRun _command = new();
    private readonly List<IReadOnlyList<string>> _started = [];

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Search_Done_RanksTrialsAndTestsTheWinnerOnce()
    {
        Assert.Equal(0, await SearchAsync("--out", "found"));

        var rows = Rows();
        Assert.Equal(Enumerable.Range(1, 8), rows.Select(row => row.GetProperty("rank").GetInt32()));
        Assert.Equal(Enumerable.Range(1, 8), rows.Select(row => row.GetProperty("trial").GetInt32()).Order());
        // 4 trials in each round: 2 of 8 steps each, and then 2 and 1 of them to 4 and 8.
        Assert.Equal([2, 2, 2, 2, 4, 4, 8, 8], rows.Select(row => row.GetProperty("steps").GetInt32()).Order());
        Assert.Equal(Trainings, Events("trial").Count);
        var accuracies = rows.Where(row => row.GetProperty("steps").GetInt32() == 8).Select(row => row.GetProperty("validationAccuracy").GetDouble()).ToList();
        Assert.Equal(accuracies.OrderDescending(), accuracies);
        Assert.Equal(rows[0].GetProperty("trial").GetInt32(), _command.Last.GetProperty("winner").GetInt32());
        Assert.Equal(9, (await File.ReadAllLinesAsync(_command.File("found/search.csv"), TestContext.Current.CancellationToken)).Length);
    }

    /// <summary>A trial is an ordinary run: its command line gives its bits, however often it was stopped on the way.</summary>
    [Fact]
    public async Task Search_Winner_IsTheRunOfItsCommandLine()
    {
        Assert.Equal(0, await SearchAsync("--out", "found"));
        var (winner, searched) = (Rows()[0], _command.Last);

        string[] command = [.. searched.GetProperty("command").GetString()!.Split(' ').Skip(1), "--json"];
        Assert.Equal(0, await _command.RunAsync([.. command, "--holdout", "0.2", "--out", "alone"]));
        Assert.Equal(winner.GetProperty("parametersSha256").GetString(), _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal(winner.GetProperty("validationAccuracy").GetDouble(), _command.Last.GetProperty("testAccuracy").GetDouble());

        // The test set's 40 samples, not the 24 it was chosen by.
        var correct = searched.GetProperty("testAccuracy").GetDouble() * 40;
        Assert.Equal(Math.Round(correct), correct, 9);
        Assert.Equal(0, await _command.RunAsync([.. command, "--out", "full"]));
        Assert.Equal(120, JsonDocument.Parse(await File.ReadAllTextAsync(_command.File("full/run.json"), TestContext.Current.CancellationToken))
            .RootElement.GetProperty("dataset").GetProperty("trainCount").GetInt32());
    }

    /// <summary>The rungs of a training whose learning rate falls over its whole length are parts of that training.</summary>
    [Fact]
    public async Task Search_CosineSchedule_IsThatOfTheWholeTraining()
    {
        Assert.Equal(0, await SearchAsync("--out", "found", "--schedule", "cosine", "--warmup-steps", "2", "--refine", "0"));
        var winner = Rows()[0];

        string[] command = [.. _command.Last.GetProperty("command").GetString()!.Split(' ').Skip(1), "--json"];
        Assert.DoesNotContain("--decay-steps", command);
        Assert.Equal(0, await _command.RunAsync([.. command, "--holdout", "0.2", "--out", "alone"]));
        Assert.Equal(winner.GetProperty("parametersSha256").GetString(), _command.Last.GetProperty("parametersSha256").GetString());
    }

    [Fact]
    public async Task Search_TwoWorkers_GiveTheSameTable()
    {
        Assert.Equal(0, await SearchAsync("--out", "alone"));
        InThisProcess();

        Assert.Equal(0, await SearchAsync("--out", "found", "--workers", "2"));

        Assert.Equal(Trainings, _started.Count);
        AssertSame("alone", "found");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(13)]
    public async Task Search_StoppedAndResumed_GivesTheSameTable(int results)
    {
        Assert.Equal(0, await SearchAsync("--out", "alone"));
        using (var stop = new StopRequest())
        {
            var output = new Watched(line => _ = line.Contains("\"event\":\"trial\"", StringComparison.Ordinal) && --results == 0 && stop.Ask(ExitCode.Terminated));
            var code = await DistTrainCommand.RunAsync(["search", .. Options, "--out", "found"], _command.Surroundings with { Output = output }, stop);
            Assert.Equal(75, code);
        }

        var known = Known("found");
        Assert.Equal(0, await SearchAsync("--out", "found", "--resume", "auto"));

        Assert.Equal(Trainings - known, Events("trial").Count);
        AssertSame("alone", "found");
    }

    [Fact]
    public async Task Search_ResumedAfterItsEnd_SaysTheTableAgain()
    {
        Assert.Equal(0, await SearchAsync("--out", "found"));
        var searched = _command.Last.ToString();
        var trials = Directory.EnumerateDirectories(_command.File("found/trials")).ToList();
        trials.ForEach(path => Directory.Delete(path, recursive: true));

        // Options left out are those of its beginning. Nothing is trained or tested again: there is nothing left to do it with.
        Assert.Equal(0, await _command.RunAsync("search", "--out", "found", "--resume", "auto", "--json"));

        Assert.Equal(WithoutTime(searched), WithoutTime(_command.Last.ToString()));
        Assert.Empty(Events("trial"));

        static string WithoutTime(string line) => line[..line.IndexOf("\"elapsedSeconds\"", StringComparison.Ordinal)];
    }

    [Theory]
    [InlineData("--lr", "list:0.2", "--lr is list:0.1 there, list:0.2 here")]
    [InlineData("--momentum", "0.5", "--momentum is not given there, 0.5 here")]
    [InlineData("--grid", "9", "--grid is not given there, 9 here")]
    public async Task Search_AnotherOnResume_NamesTheOption(string option, string value, string expected)
    {
        Assert.Equal(0, await _command.RunAsync("search", "--lr", "list:0.1", "--steps", "1", "--out", "found"));
        var before = await File.ReadAllTextAsync(_command.File("found/search.json"), TestContext.Current.CancellationToken);

        Assert.Equal(2, await _command.RunAsync("search", "--out", "found", "--resume", "auto", option, value));

        Assert.Contains(expected, _command.Error, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllTextAsync(_command.File("found/search.json"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Search_ATrialDiverges_ComesLastAndSaysWhy()
    {
        Assert.Equal(0, await _command.RunAsync("search", "--lr", "list:0.1,1e30", "--optimizer", "sgd", "--epochs", "4", "--json", "--out", "found"));

        Assert.Equal(1, _command.Last.GetProperty("winner").GetInt32());
        Assert.Contains("not finite", Rows()[1].GetProperty("failure").GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, Rows()[1].GetProperty("validationAccuracy").ValueKind);
    }

    [Fact]
    public async Task Search_AllDiverge_HasNoWinnerAndFails()
    {
        Assert.Equal(1, await _command.RunAsync("search", "--lr", "list:1e29,1e30", "--optimizer", "sgd", "--epochs", "4", "--out", "found"));

        Assert.Contains("there is no winner", _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Search_AProcessDies_IsStartedAgain()
    {
        Assert.Equal(0, await SearchAsync("--out", "alone"));
        var deaths = 3;
        InThisProcess(before: () => Interlocked.Decrement(ref deaths) >= 0 ? 137 : 0);

        Assert.Equal(0, await SearchAsync("--out", "found", "--workers", "2"));

        Assert.Equal(3, Events("trialRestarted").Count);
        AssertSame("alone", "found");
    }

    [Fact]
    public async Task Search_AProcessFailsForGood_PassesOnItsReasonAndCode()
    {
        _command.Surroundings = _command.Surroundings with
        {
            Again = (arguments, output, _) =>
            {
                _started.Add(arguments);
                output(new Failed("the disk is full", 1).ToJson());
                return Task.FromResult(1);
            },
        };

        Assert.Equal(1, await SearchAsync("--out", "found", "--workers", "1"));

        Assert.Single(_started);
        Assert.Contains("Trial 1 (--lr ", _command.Error, StringComparison.Ordinal);
        Assert.Contains("the disk is full", _command.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--lr is 'log:0..1'", "--lr", "log:0..1")]
    [InlineData("the range is empty", "--lr", "lin:1..1")]
    [InlineData("--lr is '1..2'", "--lr", "1..2")]
    [InlineData("'--foo' is no option here", "--foo", "log:1..2")]
    [InlineData("--seed is 'log:1..2', but cannot be searched", "--seed", "log:1..2")]
    [InlineData("--epochs is 'lin:1..2', but cannot be searched", "--epochs", "lin:1..2")]
    [InlineData("its values are no numbers", "--optimizer", "log:1..2")]
    [InlineData("Did you mean 'adam'?", "--optimizer", "list:sgd,adm")]
    [InlineData("below 1", "--momentum", "lin:0..1")]
    [InlineData("There is nothing to search", "--lr", "0.1")]
    [InlineData("--trials is '0'", "--lr", "log:0.1..1", "--trials", "0")]
    [InlineData("only 3 combinations", "--lr", "log:0.1..1", "--grid", "3", "--trials", "4")]
    [InlineData("--halving is '1'", "--lr", "log:0.1..1", "--halving", "1")]
    [InlineData("has no hyperparameter beta1", "--optimizer", "list:adam,sgd", "--beta1", "0.5")]
    [InlineData("--hidden goes with", "--hidden", "list:5,6")]
    [InlineData("hold out", "--lr", "log:0.1..1", "--holdout", "0.001")]
    [InlineData("--resume is 'found'", "--lr", "log:0.1..1", "--resume", "found")]
    public async Task Search_BadInput_IsOneMessageAndLeavesNothing(string expected, params string[] options)
    {
        Assert.Equal(2, await _command.RunAsync(["search", "--out", "found", .. options]));

        Assert.Contains(expected, _command.Error, StringComparison.Ordinal);
        Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.False(Directory.Exists(_command.File("found")));
    }

    [Fact]
    public async Task Search_DirectoryOfSomethingElse_IsRefused()
    {
        _command.Write("other.txt", "");

        Assert.Equal(2, await SearchAsync("--out", ".", "--resume", "auto"));
        Assert.Contains("holds no search", _command.Error, StringComparison.Ordinal);
        Assert.Equal(2, await SearchAsync("--out", "."));

        Assert.Equal(["other.txt"], Directory.EnumerateFileSystemEntries(_command.Directory).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Search_DamagedRecord_IsRefusedWithItsName()
    {
        Assert.Equal(0, await _command.RunAsync("search", "--lr", "list:0.1", "--steps", "1", "--out", "found"));
        await File.WriteAllTextAsync(_command.File("found/search.json"), "{ \"format\": 1 }", TestContext.Current.CancellationToken);

        Assert.Equal(2, await SearchAsync("--out", "found", "--resume", "auto"));

        Assert.Contains("search.json is damaged", _command.Error, StringComparison.Ordinal);
    }

    private Task<int> SearchAsync(params string[] arguments) => _command.RunAsync(["search", .. Options, .. arguments]);

    private List<JsonElement> Rows() => [.. _command.Last.GetProperty("rows").EnumerateArray()];

    private List<JsonElement> Events(string name) => [.. _command.Lines.Where(line => line.GetProperty("event").GetString() == name)];

    private int Known(string name) =>
        JsonDocument.Parse(File.ReadAllText(_command.File($"{name}/search.json"))).RootElement.GetProperty("results").GetArrayLength();

    private void AssertSame(string expected, string actual)
    {
        foreach (var name in (string[])["search.csv", "search.json"])
        {
            Assert.Equal(File.ReadAllText(_command.File($"{expected}/{name}")), File.ReadAllText(_command.File($"{actual}/{name}")));
        }
    }

    /// <summary>Workers are threads of this process.</summary>
    /// <param name="before">Its result, if it is not 0, is the exit code of a process that does nothing.</param>
    private void InThisProcess(Func<int>? before = null) => _command.Surroundings = _command.Surroundings with
    {
        Again = (arguments, output, cancellation) => Task.Run(
            async () =>
            {
                lock (_started)
                {
                    _started.Add(arguments);
                }

                if (before?.Invoke() is { } code and not 0)
                {
                    return code;
                }

                using var text = new StringWriter();
                var result = await DistTrainCommand.RunAsync(arguments, _command.Surroundings with { Output = text, Error = TextWriter.Null }, _command.Stop);
                Array.ForEach(text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries), output);
                return result;
            },
            cancellation),
    };

    private sealed class Watched(Action<string> seen) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            seen(value!);
        }
    }
}
