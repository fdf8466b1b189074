using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Tests.Verbs;

public sealed class CompareVerbTests : IDisposable
{
    private readonly CommandRun _command = new();
    private readonly List<IReadOnlyList<string>> _started = [];

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Compare_EachWorkerCount_StartsTheSameTraining()
    {
        Answer(_ => "aa", workers => 100 * (workers + 1));

        Assert.Equal(0, await _command.RunAsync("compare", "--workers", "0,2", "--seed", "7", "--epochs", "1", "--out", "all"));

        Assert.Equal(
            [
                $"train --seed 7 --epochs 1 --workers 0 --out {_command.File("all/workers-0")} --json",
                $"train --seed 7 --epochs 1 --workers 2 --out {_command.File("all/workers-2")} --json",
            ],
            _started.Select(arguments => string.Join(' ', arguments)).Select(line => line.Replace("--epochs 1 --seed 7", "--seed 7 --epochs 1", StringComparison.Ordinal)));
        Assert.Contains("The hashes agree", _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compare_WithJson_GivesSpeedUpAndEfficiency()
    {
        Answer(_ => "aa", workers => workers == 0 ? 100 : 150);

        Assert.Equal(0, await _command.RunAsync("compare", "--workers", "0,2", "--json", "--out", "all"));

        var rows = _command.Last.GetProperty("rows");
        Assert.True(_command.Last.GetProperty("agree").GetBoolean());
        Assert.Equal((1.5, 0.75), (rows[1].GetProperty("speedUp").GetDouble(), rows[1].GetProperty("efficiency").GetDouble()));
        Assert.Single(_command.Lines);
    }

    [Fact]
    public async Task Compare_HashesDiffer_ExitsWith1()
    {
        Answer(workers => workers == 0 ? "aa" : "bb", _ => 100);

        Assert.Equal(1, await _command.RunAsync("compare", "--workers", "0,1", "--out", "all"));

        Assert.Contains("THE HASHES DIFFER", _command.Output, StringComparison.Ordinal);
        Assert.Contains("does not pay", _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compare_ATrainingFails_PassesOnItsReasonAndCode()
    {
        _command.Surroundings = _command.Surroundings with
        {
            Again = (_, output, _) =>
            {
                output(new Failed("no worker came", 3).ToJson());
                return Task.FromResult(3);
            },
        };

        Assert.Equal(3, await _command.RunAsync("compare", "--workers", "1", "--out", "all"));

        Assert.Contains("no worker came", _command.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compare_InThisProcess_MeasuresRealRuns()
    {
        _command.Surroundings = _command.Surroundings with
        {
            Again = async (arguments, output, _) =>
            {
                using var text = new StringWriter();
                var code = await DistTrainCommand.RunAsync(arguments, _command.Surroundings with { Output = text }, _command.Stop);
                Array.ForEach(text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries), output);
                return code;
            },
        };

        Assert.Equal(0, await _command.RunAsync("compare", "--workers", "0", "--steps", "3", "--out", "all"));

        Assert.True(File.Exists(_command.File("all/workers-0/parameters.safetensors")));
    }

    private void Answer(Func<int, string> hash, Func<int, double> rate) => _command.Surroundings = _command.Surroundings with
    {
        Again = (arguments, output, _) =>
        {
            _started.Add(arguments);
            var workers = int.Parse(arguments[arguments.ToList().IndexOf("--workers") + 1], System.Globalization.CultureInfo.InvariantCulture);
            output("not JSON");
            output(new Completed(
                "run", "m", "d", "o", 1, 1, 0, 0, 0.5, rate(workers), 1, workers, 1, 8, 1, null, 1, hash(workers).PadRight(64, '0')).ToJson());
            return Task.FromResult(0);
        },
    };
}
