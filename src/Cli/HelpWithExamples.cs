using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using DistTrain.Cli.Verbs;

namespace DistTrain.Cli;

/// <summary>The library's help, and after it the verb's examples.</summary>
/// <param name="inner">The library's.</param>
/// <param name="verbs">The commands that have examples.</param>
internal sealed class HelpWithExamples(HelpAction inner, IReadOnlyDictionary<Command, Verb> verbs) : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        var code = inner.Invoke(parseResult);
        if (verbs.TryGetValue(parseResult.CommandResult.Command, out var verb) && verb.Examples.Count > 0)
        {
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (var example in verb.Examples)
            {
                output.WriteLine($"  disttrain {example.Arguments}");
                output.WriteLine($"      {example.What}");
            }

            output.WriteLine();
        }

        return code;
    }
}
