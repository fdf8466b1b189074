using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using DistTrain.Cli.Data;
using DistTrain.Cli.Options;
using DistTrain.Cli.Processes;
using DistTrain.Cli.Search;

namespace DistTrain.Cli.Verbs;

/// <summary>
/// <c>search-trainer</c>: runs the command lines that <c>search</c> writes on its input, one after the other, until that closes. Data is loaded once.
/// </summary>
public sealed class SearchTrainerVerb : Verb
{
    /// <summary>The word for it.</summary>
    public const string VerbName = "search-trainer";

    /// <inheritdoc/>
    public override string Name => VerbName;

    /// <inheritdoc/>
    public override string Help => "Trains the trials of a search, which starts it.";

    /// <inheritdoc/>
    public override bool IsHidden => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } = [CommonOptions.EndWithInput];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var lines = Channel.CreateUnbounded<string>();
        InputWatch.Start(call.Stop, call.Surroundings.Time, line => lines.Writer.TryWrite(line));
        var loaded = new ConcurrentDictionary<(string?, string?), ResolvedDataset>();
        var surroundings = call.Surroundings with
        {
            LoadDataset = async (name, directory, cancellation) => loaded.TryGetValue((name, directory), out var known)
                ? known
                : loaded.GetOrAdd((name, directory), await call.Surroundings.Load(name, directory, cancellation).ConfigureAwait(false)),
        };
        // Whoever asks it to stop asks the training, which saves; the process that comes after it goes on.
        while (call.Stop.ExitCode == 0)
        {
            var arguments = JsonSerializer.Deserialize<string[]>(await lines.Reader.ReadAsync(call.Stop.Token).ConfigureAwait(false))!;
            var exitCode = await DistTrainCommand.RunAsync(arguments, surroundings, call.Stop).ConfigureAwait(false);
            surroundings.Output.WriteLine(TrainerProcess.EndedLine(exitCode));
            surroundings.Output.Flush();
        }

        return call.Stop.ExitCode;
    }
}
