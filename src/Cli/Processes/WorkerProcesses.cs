using System.Globalization;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Processes;

/// <summary>The workers of <c>train --workers N</c>. They end with this object, however the run ends.</summary>
public sealed class WorkerProcesses : IAsyncDisposable
{
    private readonly List<(ChildProcess Process, StreamWriter Log)> _workers = [];
    private readonly List<Task> _watches = [];
    private readonly Func<int, Task> _remain;
    private volatile bool _isEnding;
    private int _left;

    /// <summary>Starts them.</summary>
    /// <param name="context">The run.</param>
    /// <param name="surroundings">Says how to start this program again.</param>
    /// <param name="coordinator">Where they join.</param>
    /// <param name="count">How many.</param>
    /// <param name="threads">Of each.</param>
    /// <param name="startTimeout">How long they look for the coordinator.</param>
    /// <param name="remain">Told how many are left when one has ended before the run did.</param>
    public WorkerProcesses(RunContext context, Surroundings surroundings, string coordinator, int count, int threads, TimeSpan startTimeout, Func<int, Task> remain)
    {
        _remain = remain;
        _left = count;
        string[] arguments =
        [
            "worker",
            CommonOptions.Coordinator.Name, coordinator,
            CommonOptions.Threads.Name, threads.ToString(CultureInfo.InvariantCulture),
            CommonOptions.StartTimeout.Name, startTimeout.TotalSeconds.ToString("R", CultureInfo.InvariantCulture),
            .. context.DataDirectory is { } data ? (string[])[CommonOptions.Data.Name, data] : [],
        ];
        for (var number = 1; number <= count; number++)
        {
            var path = context.Run.Directory.WorkerLogPath(number);
            var log = new StreamWriter(path, append: true) { AutoFlush = true, NewLine = "\n" };
            var process = ChildProcess.Start(surroundings, arguments, Write, Write);
            _workers.Add((process, log));
            context.Run.Log.Information($"Started worker process {process.Id}; its messages are in {path}.");
            _watches.Add(WatchAsync(process, path, context));

            void Write(string line)
            {
                lock (log)
                {
                    log.WriteLine(line);
                }
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _isEnding = true;
        await Task.WhenAll(_workers.Select(worker => worker.Process.DisposeAsync().AsTask())).ConfigureAwait(false);
        await Task.WhenAll(_watches).ConfigureAwait(false);
        foreach (var (_, log) in _workers)
        {
            await log.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Reports a process that ends before the run does.</summary>
    private async Task WatchAsync(ChildProcess process, string path, RunContext context)
    {
        var code = await process.Exited.ConfigureAwait(false);
        // 128 + n is how a shell and this class say "killed by signal n".
        var how = code > 128 ? FormattableString.Invariant($"killed by signal {code - 128}") : FormattableString.Invariant($"exit code {code}");
        context.Run.Log.Information($"Worker process {process.Id} has ended: {how}.");
        if (!_isEnding)
        {
            context.Reporter.WorkerChanged("exited", $"process {process.Id}", process.Id, $"{how}; its messages are in {path}");
            await _remain(Interlocked.Decrement(ref _left)).ConfigureAwait(false);
        }
    }
}
