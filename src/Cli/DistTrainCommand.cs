using System.CommandLine;
using System.CommandLine.Help;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Verbs;

namespace DistTrain.Cli;

/// <summary>The command: finds the verb, reads its options, and says in one message and one number how it ended.</summary>
public static class DistTrainCommand
{
    /// <summary>Everything it can do.</summary>
    public static IReadOnlyList<Verb> Verbs { get; } =
    [
        new TrainVerb(), new CoordinatorVerb(), new WorkerVerb(), new EvaluateVerb(), new ReportVerb(), new InspectVerb(), new CompareVerb(), new SearchVerb(), new SearchTrainerVerb(),
        new StatusVerb(), new PauseVerb(), new ResumeVerb(), new CheckpointVerb(), new StopVerb(), new ScaleVerb(), new HealthVerb(),
        new DoctorVerb(), new ReplayVerb(), new DiffVerb(), new GradCheckVerb(), new ExperimentVerb(), new SimulateVerb(), new TokenCreateVerb(), new TokenListVerb(), new TokenRevokeVerb(), new DataListVerb(), new DataFetchVerb(), new DataVerifyVerb(), new CompletionVerb(),
    ];

    /// <summary>Runs one command line.</summary>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="surroundings">The world around.</param>
    /// <param name="stop">Somebody's wish to end it.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, Surroundings surroundings, StopRequest stop)
    {
        var parsed = CreateRoot(surroundings, stop).Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            return Refuse(parsed, arguments, surroundings);
        }

        var configuration = new InvocationConfiguration
        {
            Output = surroundings.Output,
            Error = surroundings.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        try
        {
            return await parsed.InvokeAsync(configuration).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Help and version have no verb around them that reports.
            return Report(new Failure($"Standard output cannot be written: {e.Message}", ExitCode.Failed), surroundings, json: false);
        }
    }

    /// <summary>All verbs, as the parser knows them.</summary>
    internal static RootCommand CreateRoot(Surroundings surroundings, StopRequest stop)
    {
        var root = new RootCommand("Trains neural networks on many machines, in the same bits as on one.");
        var verbs = new Dictionary<Command, Verb>();
        foreach (var verb in Verbs)
        {
            Command parent = root;
            var words = verb.Name.Split(' ');
            foreach (var word in words[..^1])
            {
                var group = parent.Subcommands.FirstOrDefault(command => command.Name == word);
                if (group is null)
                {
                    group = new Command(word, word == "token" ? "What lets workers join: create, list, revoke." : "Datasets: list, fetch, verify.");
                    parent.Add(group);
                }

                parent = group;
            }

            var command = CreateCommand(verb, words[^1], surroundings, stop);
            parent.Add(command);
            verbs.Add(command, verb);
        }

        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!, verbs);

        return root;
    }

    private static Command CreateCommand(Verb verb, string name, Surroundings surroundings, StopRequest stop)
    {
        var command = new Command(name, verb.Help) { Hidden = verb.IsHidden };
        var options = verb.Settings.ToDictionary(setting => setting, setting => setting.CreateOption());
        foreach (var option in options.Values)
        {
            command.Add(option);
        }

        var arguments = verb.ArgumentNames.Select(argumentName => new Argument<string[]>(argumentName)
        {
            Description = verb.ArgumentHelp,
            Arity = verb.ArgumentMayRepeat ? ArgumentArity.OneOrMore : verb.ArgumentIsOptional ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
            // The library's own parser takes no array where one value is wanted.
            CustomParser = result => [.. result.Tokens.Select(token => token.Value)],
        }).ToList();
        arguments.ForEach(command.Add);
        command.SetAction((parsed, _) => RunVerbAsync(verb, parsed, options, arguments, surroundings, stop));
        return command;
    }

    private static async Task<int> RunVerbAsync(
        Verb verb,
        ParseResult parsed,
        Dictionary<Setting, Option<string?>> options,
        List<Argument<string[]>> arguments,
        Surroundings surroundings,
        StopRequest stop)
    {
        var values = SettingValues.Empty;
        VerbCall? call = null;
        try
        {
            values = SettingValues.Collect(options, parsed, surroundings, verb.IsTask, verb.TellsProblems);
            call = new VerbCall(values, [.. arguments.SelectMany(argument => parsed.GetValue(argument) ?? [])], surroundings, stop);
            return await verb.RunAsync(call).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // The outermost frame: every exception becomes a message and an exit code.
        catch (Exception e)
#pragma warning restore CA1031
        {
            var failure = Failure.Of(e, call ?? new VerbCall(values, [], surroundings, stop));
            return Report(failure, surroundings, IsJson(parsed.Tokens.Select(token => token.Value), surroundings));
        }
    }

    private static int Refuse(ParseResult parsed, IReadOnlyList<string> arguments, Surroundings surroundings)
    {
        var command = parsed.CommandResult.Command;
        var known = command.Options.Select(option => option.Name).Concat(command.Subcommands.Select(verb => verb.Name)).ToList();
        var messages = parsed.Errors.Select(error => error.Message).ToList();
        if (parsed.UnmatchedTokens is [var unmatched, ..])
        {
            messages = [$"'{unmatched}' is no {(unmatched.StartsWith('-') ? "option" : "argument")} here.{NearestName.Suggestion(unmatched, known)}"];
        }

        var path = string.Join(' ', Path(parsed.CommandResult));
        var reason = string.Join(' ', messages.Distinct()) + $" 'disttrain{path} --help' lists what there is.";
        return Report(new Failure(reason, ExitCode.WrongUse), surroundings, IsJson(arguments, surroundings));

        static IEnumerable<string> Path(System.CommandLine.Parsing.CommandResult result) =>
            result.Parent is System.CommandLine.Parsing.CommandResult parent ? [.. Path(parent), " " + result.Command.Name] : [];
    }

    private static int Report(Failure failure, Surroundings surroundings, bool json)
    {
        // A full disk behind the output may be the failure itself: the exit code says the rest.
        if (json)
        {
            Surroundings.Tell(surroundings.Output, new Failed(failure.Reason, failure.ExitCode, failure.IsOfTraining).ToJson());
        }

        surroundings.Tell($"disttrain: {failure.Reason}");
        return failure.ExitCode;
    }

    /// <summary>Whether the caller reads JSON, as far as can be told from a command line that may be wrong.</summary>
    private static bool IsJson(IEnumerable<string> arguments, Surroundings surroundings)
    {
        try
        {
            return arguments.Contains(CommonOptions.Json.Name)
                || (surroundings.Variable(CommonOptions.Json.Variable) is { Length: > 0 } text && CommonOptions.Json.Read(text, ""));
        }
        catch (Core.InvalidInputException)
        {
            return false;
        }
    }
}
