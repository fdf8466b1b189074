using System.CommandLine;
using System.Text.RegularExpressions;
using DistTrain.Cli.Comparison;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Search;
using DistTrain.Cli.Verbs;

namespace DistTrain.Cli.Tests.Verbs;

/// <summary>What the command says of itself holds.</summary>
public sealed class HelpTests : IDisposable
{
    private readonly CommandRun _command = new();

    public static TheoryData<string, string> Examples => new(
    [
        .. DistTrainCommand.Verbs.SelectMany(verb => verb.Examples.Select(example => (verb.Name, example.Arguments))),
        .. HelpWithExamples.Beginning.Where(example => !example.Arguments.EndsWith("--help", StringComparison.Ordinal)).Select(example => (example.Arguments.Split(' ')[0], example.Arguments)),
    ]);

    public void Dispose() => _command.Dispose();

    [Fact]
    public void Verbs_ThatHelpShows_HaveExamples() =>
        Assert.All(DistTrainCommand.Verbs.Where(verb => !verb.IsHidden), verb => Assert.All(verb.Examples.DefaultIfEmpty(new Example("", "")), example => Assert.NotEqual("", example.What)));

    /// <summary>An example that the parser does not take would be worse than none.</summary>
    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_IsTaken(string verb, string example)
    {
        var words = example.Split(" >")[0].Split(' ');
        var parsed = DistTrainCommand.CreateRoot(_command.Surroundings, _command.Stop).Parse(words);

        Assert.Empty(parsed.Errors);
        Assert.Equal(verb.Split(' ')[^1], parsed.CommandResult.Command.Name);
    }

    /// <summary>Nor is one good that the verb refuses: every value can be read, and together they are what it asks for.</summary>
    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_IsWhatTheVerbAsksFor(string verb, string example)
    {
        _command.Write("run.json", "{}");
        var words = example.Split(" >")[0].Split(' ');

        Ask(DistTrainCommand.Verbs.Single(known => known.Name == verb), words[verb.Split(' ').Length..]);
    }

    /// <summary>The README's, which stands in the row of its verb.</summary>
    [Fact]
    public async Task ExampleOfTheReadme_IsWhatSearchAsksFor()
    {
        var readme = await File.ReadAllTextAsync(Path.Combine(Source.Root, "README.md"), TestContext.Current.CancellationToken);
        var options = Regex.Match(readme, @"^\| `disttrain search` \|.*?`(--[^`]*)`", RegexOptions.Multiline).Groups[1].Value;

        Ask(new SearchVerb(), options.Split(' '));
    }

    [Fact]
    public async Task Help_OfAVerb_EndsWithItsExamples()
    {
        Assert.Equal(0, await _command.RunAsync("train", "--help"));

        Assert.Contains("Examples:\n  disttrain train --workers 2\n", _command.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_OfTheProgram_EndsWithWhereToBegin()
    {
        Assert.Equal(0, await _command.RunAsync("--help"));

        Assert.Contains("Examples:\n  disttrain train\n", _command.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.All([ExitCode.Done, ExitCode.Failed, ExitCode.WrongUse, ExitCode.NotEnoughWorkers, ExitCode.Checkpointed], code => Assert.Matches($@"\b{code} [a-z]", _command.Output));
        Assert.Contains(CommonOptions.BatchSize.Variable, _command.Output, StringComparison.Ordinal);
    }

    /// <summary>Somebody new does not know what N or NAME stands for.</summary>
    [Fact]
    public void Arguments_OfVerbs_AreExplained() =>
        Assert.All(DistTrainCommand.Verbs.Where(verb => verb.ArgumentNames.Count > 0 && !verb.IsHidden), verb => Assert.NotEqual("", verb.ArgumentHelp));

    [Theory]
    [InlineData("tr", "train")]
    [InlineData("train --opt", "--optimizer")]
    [InlineData("train --optimizer mo", "momentum")]
    [InlineData("train --model len", "lenet-5")]
    [InlineData("token cr", "create")]
    public async Task Word_Begun_IsCompleted(string begun, string word)
    {
        Assert.Equal(0, await _command.RunAsync($"[suggest:{begun.Length}]", begun));

        Assert.Contains(word, _command.Output.Split('\n', StringSplitOptions.TrimEntries));
    }

    [Theory]
    [InlineData("bash", "complete -o default -F _disttrain disttrain")]
    [InlineData("zsh", "#compdef disttrain")]
    [InlineData("fish", "complete -c disttrain")]
    public async Task Completion_OfAShell_IsPrinted(string shell, string line)
    {
        Assert.Equal(0, await _command.RunAsync("completion", shell));

        Assert.Contains(line, _command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Completion_OfAnotherShell_SaysWhichThereAre()
    {
        Assert.Equal(2, await _command.RunAsync("completion", "tcsh"));

        Assert.Contains("bash, zsh, fish", _command.Error, StringComparison.Ordinal);
    }

    private void Ask(Verb verb, string[] words)
    {
        var command = new Command("verb");
        var options = verb.Settings.ToDictionary(setting => setting, setting => setting.CreateOption());
        options.Values.ToList().ForEach(command.Add);
        verb.ArgumentNames.ToList().ForEach(name => command.Add(new Argument<string>(name) { Arity = ArgumentArity.ZeroOrOne }));
        var values = SettingValues.Collect(options, command.Parse(words), _command.Surroundings, verb.IsTask);
        foreach (var setting in verb is SearchVerb ? [] : verb.Settings.Where(values.Has))
        {
            setting.Check(values.Text(setting)!, setting.Name);
        }

        switch (verb)
        {
            case TrainVerb or DoctorVerb:
                RunRequest.From(values, _command.Surroundings);
                Membership.OfTraining(values);
                TrainVerb.RequireNoAddress(values);
                RunOrigin.From(values, _command.Surroundings);
                break;
            case CoordinatorVerb:
                RunRequest.From(values, _command.Surroundings);
                Membership.OfCoordinator(values);
                break;
            case SearchVerb:
                SearchRequest.From(values, _command.Surroundings);
                break;
            case CompareVerb:
                CompareRequest.From(values, _command.Surroundings);
                break;
            case EvaluateVerb or InspectVerb or GradCheckVerb:
                RunRequest.ReadModel(values, _command.Surroundings);
                break;
        }
    }
}
