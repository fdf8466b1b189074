using System.Collections.Concurrent;
using DistTrain.Coordinator;
using DistTrain.Core.Training;
using Microsoft.Extensions.Logging;

namespace DistTrain.Cluster.Tests;

/// <summary>A coordinator in the test's process with real worker processes. Disposing ends them all.</summary>
internal sealed class TestCluster : IAsyncDisposable, ITrainingObserver, IClusterObserver, ILoggerProvider, ILogger
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly List<WorkerProcess> _workers = [];
    private readonly Dictionary<long, Action> _atStep = [];
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

    public ConcurrentQueue<(Round Round, ShardRange Shards)> Evaluations { get; } = new();

    public IReadOnlyCollection<string> LogLines => _log;

    public static async Task<TestCluster> StartAsync(RunSpec spec, CoordinatorOptions options, string? cache = null)
    {
        var cluster = new TestCluster(cache);
        options = options with { Listen = new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0) };
        cluster._run = await CoordinatorRun.StartAsync(spec, SmallRun.Dataset, options, cluster, cluster, cluster._loggers);
        return cluster;
    }

    public WorkerProcess StartWorker(params string[] more)
    {
        var worker = WorkerProcess.Start(Run.EndPoint, Cache, more);
        lock (_workers)
        {
            _workers.Add(worker);
        }

        return worker;
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

    void IClusterObserver.WorkerJoined(WorkerInfo worker) => Joined.Enqueue(worker);

    void IClusterObserver.WorkerLost(WorkerInfo worker, string reason) => Lost.Enqueue((worker, reason));

    void IClusterObserver.WorkerLeft(WorkerInfo worker, string reason) => LeftInOrder.Enqueue((worker, reason));

    void IClusterObserver.WorkerRefused(string peer, string reason) => Refused.Enqueue(reason);

    void IClusterObserver.LeaseReissued(WorkerInfo to, Round round, ShardRange shards) => Reissued.Enqueue((to, round, shards));

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
