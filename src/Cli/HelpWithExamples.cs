using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using DistTrain.Cli.Verbs;

namespace DistTrain.Cli;

/// <summary>The library's help, and after it the verb's examples; after the program's own, where to begin.</summary>
/// <param name="inner">The library's.</param>
/// <param name="verbs">The commands that have examples.</param>
internal sealed class HelpWithExamples(HelpAction inner, IReadOnlyDictionary<Command, Verb> verbs) : SynchronousCommandLineAction
{
    /// <summary>What somebody who asks the program itself for help tries first.</summary>
    internal static readonly IReadOnlyList<Example> Beginning =
    [
        new("train", "a small network on MNIST, in this process: some seconds"),
        new("train --workers 2", "the same on two worker processes, in the same bits"),
        new("train --help", "every option of a training"),
        new("doctor", "whether this machine has what a training needs"),
    ];

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        var code = inner.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        if (parseResult.CommandResult.Command is RootCommand)
        {
            Write(output, Beginning);
            output.WriteLine("""
                Each option is also a variable, --batch-size for example DISTTRAIN_BATCH_SIZE,
                and a member of the file that --config names; 'disttrain doctor' says which of
                them counts.

                Exit codes: 0 done, 1 training failed, 2 wrong use or input, 3 not enough
                workers in time, 75 stopped after a checkpoint, 130/138/143 without one.

                """);
        }
        else if (verbs.TryGetValue(parseResult.CommandResult.Command, out var verb) && verb.Examples.Count > 0)
        {
            Write(output, verb.Examples);
        }

        return code;
    }

    private static void Write(TextWriter output, IEnumerable<Example> examples)
    {
        output.WriteLine("Examples:");
        foreach (var example in examples)
        {
            output.WriteLine($"  disttrain {example.Arguments}");
            output.WriteLine($"      {example.What}");
        }

        output.WriteLine();
    }
}
