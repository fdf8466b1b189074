using DistTrain.Cli.Data;
using DistTrain.Core.Data;

namespace DistTrain.Cli.Tests.Experiments;

/// <summary>Every command of docs/questions.md runs; the experiments among them show their effect on the small setting.</summary>
public sealed class QuestionsTests : IDisposable
{
    private const string Program = "disttrain";
    private const string Fence = "```";
    private static readonly Lazy<Dataset> Digits = new(() => SyntheticDigits.Create(trainCount: 1000, testCount: 300));
    private readonly CommandRun _command = new();

    public QuestionsTests() => _command.Surroundings = _command.Surroundings with
    {
        LoadDataset = (name, _, _) => Task.FromResult(new ResolvedDataset(Digits.Value, $"asked for {name ?? "nothing"}")),
    };

    public static TheoryData<string> Commands => [.. ReadCommands(File.ReadLines(Path.Combine(AppContext.BaseDirectory, "docs", "questions.md")))];

    public void Dispose() => _command.Dispose();

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Questions_EachCommand_RunsAndShowsWhatItSays(string command)
    {
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Program, words[0]);
        var isExperiment = words[1] == "experiment";

        Assert.Equal(0, await _command.RunAsync([.. words[1..], .. isExperiment ? ["--quick"] : Array.Empty<string>()]));

        Assert.Empty(_command.Error);
        if (isExperiment)
        {
            Assert.Contains("seen: yes", _command.Output, StringComparison.Ordinal);
        }
    }

    /// <summary>A page that lost its blocks must not pass.</summary>
    [Fact]
    public void Questions_CommandsAreFound() => Assert.InRange(Commands.Count, 12, 30);

    /// <summary>The lines of the blocks that are sh, without their comments.</summary>
    private static IEnumerable<string> ReadCommands(IEnumerable<string> lines)
    {
        var isCommand = false;
        foreach (var line in lines)
        {
            if (line.StartsWith(Fence, StringComparison.Ordinal))
            {
                isCommand = line == Fence + "sh";
            }
            else if (isCommand)
            {
                yield return line.Split('#')[0].Trim();
            }
        }
    }
}
