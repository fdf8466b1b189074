using System.Collections.Concurrent;
using System.Net;
using DistTrain.Coordinator;
using DistTrain.Core.Training;
using DistTrain.Worker;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Cluster.Tests;

/// <summary>A coordinator in the test's process with real worker processes. Disposing ends them all.</summary>
internal sealed class TestCluster : IAsyncDisposable, ITrainingObserver, IClusterObserver, ILoggerProvider, ILogger
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private static readonly Dictionary<string, string> NoEnvironment = [];

    private readonly List<WorkerProcess> _workers = [];
    private readonly Dictionary<long, Action> _atStep = [];
    private readonly List<(Func<bool> Condition, TaskCompletionSource Fulfilled)> _awaited = [];
    private readonly List<Task<WorkerOutcome>> _local = [];
    private readonly ConcurrentQueue<string> _log = new();
    private readonly ILoggerFactory _loggers;
    private readonly bool _ownsCache;
    private CoordinatorRun? _run;

    private TestCluster(string? cache)
    {
        _ownsCache = cache is null;
        Cache = cache ?? Directory.CreateTempSubdirectory("disttrain-test-").FullName;
        _loggers = LoggerFactory.Create(logging => logging.AddProvider(this));
    }

    public string Cache { get; }

    public CoordinatorRun Run => _run!;

    public ConcurrentQueue<WorkerInfo> Joined { get; } = new();

    public ConcurrentQueue<(WorkerInfo Worker, string Reason)> Lost { get; } = new();

    public ConcurrentQueue<(WorkerInfo Worker, string Reason)> LeftInOrder { get; } = new();

    public ConcurrentQueue<string> Refused { get; } = new();

    public ConcurrentQueue<(WorkerInfo To, Round Round, ShardRange Shards)> Reissued { get; } = new();

    public ConcurrentQueue<string> WaitingMessages { get; } = new();

    /// <summary>Done on the coordinator's thread when a worker has joined.</summary>
    public Action<WorkerInfo>? AtJoin { get; set; }

    /// <summary>Done on the coordinator's thread when a worker is lost.</summary>
    public Action<WorkerInfo>? AtLoss { get; set; }

    public IReadOnlyCollection<string> LogLines => _log;

    public static async Task<TestCluster> StartAsync(RunSpec spec, CoordinatorOptions options, string? cache = null, RunContinuation? continuation = null)
    {
        var cluster = new TestCluster(cache);
        if (options.Listen is IPEndPoint)
        {
            options = options with { Listen = new IPEndPoint(options.Insecure ? IPAddress.Any : IPAddress.Loopback, 0) };
        }

        cluster._run = await CoordinatorRun.StartAsync(spec, SmallRun.Dataset, options, cluster, cluster, cluster._loggers, continuation: continuation);
        return cluster;
    }

    public WorkerProcess StartWorker(params string[] more) => StartWorker(Run.Address, NoEnvironment, more);

    public WorkerProcess StartWorker(string coordinator, IReadOnlyDictionary<string, string> environment, params string[] more)
    {
        var worker = WorkerProcess.Start(coordinator, Cache, environment, more);
        lock (_workers)
        {
            _workers.Add(worker);
        }

        return worker;
    }

    /// <summary>A worker on a thread of this process, where a test needs an honest one beside a stub and no process to kill.</summary>
    public void StartLocalWorker() => StartLocalWorker(options => options, TimeProvider.System, CancellationToken.None);

    /// <summary>The same with other options, a clock of its own, and a way to ask it to stop.</summary>
    public Task<WorkerOutcome> StartLocalWorker(Func<WorkerOptions, WorkerOptions> change, TimeProvider time, CancellationToken stop)
    {
        var options = new WorkerOptions { Coordinator = Run.EndPoint.ToString(), CacheDirectory = Cache, FindDataset = _ => SmallRun.Dataset, ReconnectTimeout = TimeSpan.FromSeconds(1) };
        var worker = WorkerRole.RunAsync(change(options), NullLoggerFactory.Instance, time, stop);
        _local.Add(worker);
        return worker;
    }

    /// <summary>Completes when the condition holds, looked at whenever something happens to a worker.</summary>
    public Task UntilAsync(Func<bool> condition)
    {
        var fulfilled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_awaited)
        {
            _awaited.Add((condition, fulfilled));
        }

        Look();
        return fulfilled.Task.WaitAsync(Patience);
    }

    /// <summary>Does something on the coordinator's thread when so many steps are done: the run cannot go on meanwhile.</summary>
    public void AtStep(long stepsDone, Action action) => _atStep[stepsDone] = action;

    public async Task<string> FinalHashAsync()
    {
        try
        {
            using var state = await Run.Completion.WaitAsync(Patience);
            return SmallRun.Hash(state);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{e.Message}\n{AllLogs()}", e);
        }
    }

    /// <summary>Waits for the run's end where it must be a failure.</summary>
    public Task FailureAsync() => Run.Completion.WaitAsync(Patience);

    public string AllLogs() => string.Join('\n', ["Coordinator:", .. _log, .. _workers.Select(worker => $"Worker process {worker.Id}:\n{worker.LogText}")]);

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in _workers)
        {
            await worker.DisposeAsync();
        }

        if (_run is not null)
        {
            await _run.DisposeAsync();
        }

        await Task.WhenAll(_local);

        _loggers.Dispose();
        if (_ownsCache)
        {
            Directory.Delete(Cache, recursive: true);
        }
    }

    void ITrainingObserver.StepDone(long stepsDone, TrainingState state)
    {
        if (_atStep.Remove(stepsDone, out var action))
        {
            action();
        }
    }

    void ITrainingObserver.EvaluationStarted(long stepsDone)
    {
    }

    void ITrainingObserver.EvaluationDone(long stepsDone, TrainingState state)
    {
    }

    void IClusterObserver.WorkerJoined(WorkerInfo worker)
    {
        Note(Joined, worker);
        AtJoin?.Invoke(worker);
    }

    void IClusterObserver.WorkerLost(WorkerInfo worker, string reason)
    {
        Note(Lost, (worker, reason));
        AtLoss?.Invoke(worker);
    }

    void IClusterObserver.WorkerLeft(WorkerInfo worker, string reason) => Note(LeftInOrder, (worker, reason));

    void IClusterObserver.WorkerRefused(string peer, string reason) => Note(Refused, reason);

    void IClusterObserver.LeaseReissued(WorkerInfo to, Round round, ShardRange shards) => Note(Reissued, (to, round, shards));

    void IClusterObserver.Waiting(string message) => Note(WaitingMessages, message);

    private void Note<T>(ConcurrentQueue<T> queue, T what)
    {
        queue.Enqueue(what);
        Look();
    }

    private void Look()
    {
        lock (_awaited)
        {
            foreach (var (_, fulfilled) in _awaited.Where(awaited => awaited.Condition()))
            {
                fulfilled.TrySetResult();
            }
        }
    }

    ILogger ILoggerProvider.CreateLogger(string categoryName) => this;

    void IDisposable.Dispose()
    {
    }

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (logLevel >= LogLevel.Information)
        {
            _log.Enqueue($"{logLevel}: {formatter(state, exception)}{(exception is null ? "" : $" {exception}")}");
        }
    }
}
