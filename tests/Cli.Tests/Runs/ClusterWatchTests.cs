using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;
using DistTrain.Core.Training;
using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Cli.Tests.Runs;

/// <summary>Whatever goes wrong with looking, the run's end is not one of it.</summary>
public sealed class ClusterWatchTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);
    private readonly CommandRun _command = new();
    private readonly FakeTimeProvider _time = new();
    private readonly TaskCompletionSource<string> _warned = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _warnings;

    public void Dispose() => _command.Dispose();

    [Fact]
    public async Task Look_Throws_IsToldOnceAndEndsNothing()
    {
        using var reporter = Reporter(new View());
        var watch = new ClusterWatch(() => throw new InvalidOperationException("nothing to see"), reporter, Warn, _time);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Contains("nothing to see", await _warned.Task.WaitAsync(Deadline, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        _time.Advance(TimeSpan.FromSeconds(10));
        await watch.DisposeAsync();
        Assert.Equal(1, _warnings);
    }

    [Fact]
    public async Task View_Throws_IsToldOnceAndEndsNothing()
    {
        using var reporter = Reporter(new View { Failure = new InvalidOperationException("no room") });
        var watch = new ClusterWatch(() => Task.FromResult<ClusterGlance?>(new ClusterGlance(null, [], 0)), reporter, Warn, _time);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Contains("no room", await _warned.Task.WaitAsync(Deadline, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await watch.DisposeAsync();
        Assert.Equal(1, _warnings);
    }

    /// <summary>A run that does not answer does not hold up its end.</summary>
    [Fact]
    public async Task Look_NeverAnswers_EndsAllTheSame()
    {
        using var reporter = Reporter(new View());
        var looked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var never = new TaskCompletionSource<ClusterGlance?>();
        var watch = new ClusterWatch(
            () =>
            {
                looked.TrySetResult();
                return never.Task;
            },
            reporter,
            Warn,
            _time);
        _time.Advance(TimeSpan.FromSeconds(1));
        await looked.Task.WaitAsync(Deadline, TestContext.Current.CancellationToken);

        await watch.DisposeAsync().AsTask().WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.Equal(0, _warnings);
    }

    private void Warn(string line)
    {
        Interlocked.Increment(ref _warnings);
        _warned.TrySetResult(line);
    }

    private RunReporter Reporter(IRunView view) =>
        new(SmallRun.Spec, RunDirectory.Create(_command.File("run")), view, _command.Surroundings, workers: 1, threads: 1, resumedFrom: null);

    private sealed class View : IRunView
    {
        public Exception? Failure { get; init; }

        public TimeSpan Interval => TimeSpan.FromSeconds(1);

        public bool ShowsWorkers => true;

        public void Show(RunEvent happened)
        {
            if (Failure is { } failure)
            {
                throw failure;
            }
        }

        public void Warn(string line)
        {
        }

        public void Dispose()
        {
        }
    }
}
