using System.Globalization;
using System.Text.Json;
using DistTrain.Cli.Processes;
using DistTrain.Cli.Verbs;

namespace DistTrain.Cli.Search;

/// <summary>
/// A process of this program that trains one trial after the other: starting a process and loading the data for each would take longer than a short training. It
/// is started when it is needed, and again when it has died. One training at a time.
/// </summary>
/// <param name="surroundings">Says how to start this program again.</param>
internal sealed class TrainerProcess(Surroundings surroundings) : IAsyncDisposable
{
    private const string EndedPrefix = "exit code ";

    private ChildProcess? _process;
    private Action<string> _output = _ => { };
    private TaskCompletionSource<int> _ended = new();

    /// <summary>What a trainer says when a training has ended.</summary>
    public static string EndedLine(int exitCode) => EndedPrefix + exitCode.ToString(CultureInfo.InvariantCulture);

    /// <summary>Runs a command line there.</summary>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="output">Takes the lines of its standard output.</param>
    /// <param name="started">Told which process does it.</param>
    /// <param name="cancellation">Asks the process to end: a training saves first.</param>
    /// <returns>The command's exit code, or the process's if it died.</returns>
    public async Task<int> RunAsync(IReadOnlyList<string> arguments, Action<string> output, Action<int> started, CancellationToken cancellation)
    {
        if (_process is { Exited.IsCompleted: true })
        {
            await DisposeAsync().ConfigureAwait(false);
        }

        // What a training says on standard error is in its run's log.
        _ended = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        _output = output;
        _process ??= ChildProcess.Start(surroundings, [SearchTrainerVerb.VerbName], Take, _ => { });
        await using var stopping = cancellation.Register(_process.CloseInput).ConfigureAwait(false);
        started(_process.Id);
        _process.Send(JsonSerializer.Serialize(arguments));
        // A process has exited when all it has said is taken, so the end of its training comes first if it came.
        await Task.WhenAny(_ended.Task, _process.Exited).ConfigureAwait(false);
        return _ended.Task.IsCompleted ? await _ended.Task.ConfigureAwait(false) : await _process.Exited.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            process.CloseInput();
            await process.DisposeAsync().ConfigureAwait(false);
        }
    }

    private void Take(string line)
    {
        if (line.StartsWith(EndedPrefix, StringComparison.Ordinal) && int.TryParse(line.AsSpan(EndedPrefix.Length), CultureInfo.InvariantCulture, out var exitCode))
        {
            _ended.TrySetResult(exitCode);
        }
        else
        {
            _output(line);
        }
    }
}
