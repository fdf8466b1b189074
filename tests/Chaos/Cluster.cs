using System.Globalization;
using DistTrain.Chaos.Faults;
using DistTrain.Cli.Runs;
using DistTrain.Coordinator.Identity;

namespace DistTrain.Chaos;

/// <summary>A real coordinator and real workers of one run. Disposing ends them all.</summary>
/// <param name="run">The run.</param>
/// <param name="directory">Its run directory.</param>
internal sealed class Cluster(BaseRun run, string directory) : IAsyncDisposable
{
    /// <summary>The longest wait for something that comes without faults.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly List<ChaosProcess> _workers = [];
    private readonly List<ChaosProcess> _coordinators = [];
    private int _started;

    /// <summary>The run.</summary>
    public BaseRun Run => run;

    /// <summary>Where it leaves its files.</summary>
    public string RunDirectory => directory;

    /// <summary>What the coordinators tell.</summary>
    public EventLog Events { get; } = new();

    /// <summary>The coordinator that was started last.</summary>
    public ChaosProcess Coordinator => _coordinators[^1];

    /// <summary>Where it listens.</summary>
    public string Address { get; private set; } = "127.0.0.1:0";

    /// <summary>The port of it.</summary>
    public string Port => Address.Split(':')[^1];

    /// <summary>Every worker so far, the dead ones too.</summary>
    public IReadOnlyList<ChaosProcess> Workers => _workers;

    /// <summary>Workers that run, as far as is known here.</summary>
    public IReadOnlyList<ChaosProcess> LivingWorkers => [.. _workers.Where(worker => !worker.WasKilled && !worker.Exited.IsCompleted)];

    /// <summary>What is put before a worker's command: a network namespace, a limit. For the workers started from now on.</summary>
    public IReadOnlyList<string> WorkerPrefix { get; set; } = [];

    /// <summary>Seconds between two words on how far the run is.</summary>
    public string ProgressInterval { get; set; } = "0.02";

    /// <summary>What is put before the coordinator's command.</summary>
    public IReadOnlyList<string> CoordinatorPrefix { get; set; } = [];

    /// <summary>Set for the workers started from now on.</summary>
    public IReadOnlyDictionary<string, string> WorkerEnvironment { get; set; } = Programs.NoEnvironment;

    /// <summary>Said to the coordinator beside the run; for those started from now on.</summary>
    public IReadOnlyList<string> CoordinatorOptions { get; set; } = [];

    /// <summary>The coordinator is to be reached from other networks too.</summary>
    public void ListenEverywhere()
    {
        Address = "0.0.0.0:0";
        CoordinatorOptions = [.. CoordinatorOptions, "--insecure"];
    }

    /// <summary>TLS and certificates, on this machine too: workers join by a token.</summary>
    public void Secure()
    {
        var now = TimeProvider.System.GetUtcNow();
        using var identity = IdentityDirectory.Open($"{directory}-identity", now);
        CoordinatorOptions = [.. CoordinatorOptions, "--tls", "--identity", identity.Path];
        WorkerEnvironment = new Dictionary<string, string>(WorkerEnvironment)
        {
            ["DISTTRAIN_TOKEN"] = identity.Tokens.Create(now, TimeSpan.FromHours(1)).Reveal(),
            ["DISTTRAIN_CA_HASH"] = identity.Authority.Hash,
        };
    }

    /// <summary>Starts the coordinator and so many workers, for which it waits with the first step.</summary>
    public async Task StartAsync(int workers)
    {
        await StartCoordinatorAsync("--workers", workers.ToString(CultureInfo.InvariantCulture));
        for (var i = 0; i < workers; i++)
        {
            StartWorker();
        }
    }

    /// <summary>Starts a coordinator, at the address of the one before if there was one.</summary>
    public async Task<ChaosProcess> StartCoordinatorAsync(params IReadOnlyList<string> more)
    {
        var from = Events.Count;
        var coordinator = ChaosProcess.Start(
            [.. CoordinatorPrefix, Programs.DistTrain, "coordinator", "--listen", Address, .. run.Arguments, "--json", "--progress-interval", ProgressInterval, "--out", directory, .. CoordinatorOptions, .. more],
            "coordinator", Programs.NoEnvironment, Events.Take);
        _coordinators.Add(coordinator);
        var started = Events.FirstAsync("the coordinator to listen", happened => happened is Started, from, Patience);
        if (await Task.WhenAny(started, coordinator.Exited) != started)
        {
            throw new RowFailedException($"the coordinator ended with {await coordinator.Exited}\n{coordinator.Errors}");
        }

        Address = ((Started)(await started).Event).Address!;
        return coordinator;
    }

    /// <summary>Starts a worker of one thread.</summary>
    public ChaosProcess StartWorker(params IReadOnlyList<string> more) => Start($"127.0.0.1:{Port}", more);

    /// <summary>Starts a worker that finds the coordinator elsewhere, at a proxy or on another network: as on another host, no memory is shared.</summary>
    public ChaosProcess StartWorkerAt(string address, params IReadOnlyList<string> more) => Start(address, ["--transport", "grpc", .. more]);

    /// <summary>Starts a worker with a fault, as <see cref="FaultyWorker"/> understands it; each time it fires counts.</summary>
    /// <param name="fired">Told what the fault did, each time.</param>
    /// <param name="isDoomed">The fault ends the process.</param>
    /// <param name="fault">Which.</param>
    public ChaosProcess StartFaultyWorker(Action<string> fired, bool isDoomed, params IReadOnlyList<string> fault) =>
        Keep([Programs.Self, FaultyWorker.Command, $"127.0.0.1:{Port}", .. fault], line =>
        {
            if (line.StartsWith(FaultyWorker.FiredPrefix, StringComparison.Ordinal))
            {
                fired(line[FaultyWorker.FiredPrefix.Length..]);
            }
        }, isDoomed);

    private ChaosProcess Start(string address, IReadOnlyList<string> more) =>
        Keep([.. WorkerPrefix, Programs.DistTrain, "worker", "--coordinator", address, "--threads", "1", .. more], null, isDoomed: false);

    /// <summary>The first event of a coordinator, from a mark on, that so many steps are done.</summary>
    public Task<Seen> ReachAsync(long step, int from = 0) => EventAsync(
        FormattableString.Invariant($"step {step}"), happened => happened is Progress progress && progress.Step >= step, from);

    /// <summary>Waits for so many steps more, from the first word after a mark on.</summary>
    public async Task AdvanceAsync(long steps, int? from = null)
    {
        var mark = from ?? Events.Count;
        var first = (Progress)(await ReachAsync(0, mark)).Event;
        await ReachAsync(first.Step + steps, mark);
    }

    /// <summary>Waits, step by step, until something holds; at most twenty thousand steps.</summary>
    public async Task AdvanceUntilAsync(Func<bool> holds)
    {
        const int Most = 400;
        for (var i = 0; i < Most && !holds(); i++)
        {
            await AdvanceAsync(50);
        }
    }

    /// <summary>The first event from a mark on that something happened to a worker.</summary>
    public Task<Seen> WorkerEventAsync(string what, int? processId, int from, TimeSpan? patience = null) => EventAsync(
        $"worker {processId} {what}", happened => happened is WorkerChanged changed && changed.What == what && (processId is null || changed.ProcessId == processId), from, patience);

    /// <summary>The first event from a mark on that a checkpoint is durable, of a step not before one.</summary>
    public Task<Seen> SavedAsync(long step, int from = 0) => EventAsync(
        FormattableString.Invariant($"a checkpoint of step {step}"), happened => happened is CheckpointDone { Path: not null } saved && saved.Step >= step, from);

    /// <summary>The first event from a mark on that a checkpoint could not be written.</summary>
    public Task<Seen> SaveFailedAsync(int from) => EventAsync("a save that fails", happened => happened is CheckpointDone { Path: null }, from);

    /// <summary>The last step that was reported durable; 0 if none was.</summary>
    public long LastDurableStep() =>
        Events.All().Select(seen => seen.Event).OfType<CheckpointDone>().Where(saved => saved.Path is not null).Select(saved => saved.Step).DefaultIfEmpty(0).Max();

    /// <summary>The run's result.</summary>
    public Task<Seen> CompletedAsync() => EventAsync("the end of the run", happened => happened is Completed, 0, TimeSpan.FromMinutes(4));

    /// <summary>What all processes said last, for a failure's report.</summary>
    public string Logs() => string.Join('\n', _coordinators.Concat(_workers).Select(process => $"--- {process.Name} {process.Id}\n{Tail(process.Errors)}"));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var process in _workers.Concat(_coordinators))
        {
            await process.DisposeAsync();
        }
    }

    private static string Tail(string text) => string.Join('\n', text.Split('\n').TakeLast(15));

    private ChaosProcess Keep(IReadOnlyList<string> command, Action<string>? output, bool isDoomed)
    {
        var worker = ChaosProcess.Start(command, $"worker {++_started}", WorkerEnvironment, output, isDoomed);
        _workers.Add(worker);
        return worker;
    }

    /// <summary>Starts a coordinator that must not get as far as listening.</summary>
    public ChaosProcess StartRival(string listen) => ChaosProcess.Start(
        [Programs.DistTrain, "coordinator", "--listen", listen, .. run.Arguments, "--json", "--out", directory, "--resume", "auto"], "rival", Programs.NoEnvironment);

    /// <summary>The event, or a failure at once when the coordinator has ended before it.</summary>
    private async Task<Seen> EventAsync(string whatFor, Func<Cli.Runs.RunEvent, bool> isWanted, int from, TimeSpan? patience = null)
    {
        var coordinator = Coordinator;
        var found = Events.FirstAsync(whatFor, isWanted, from, patience ?? Patience);
        if (await Task.WhenAny(found, coordinator.Exited) != found && !found.IsCompleted && coordinator == Coordinator)
        {
            throw new RowFailedException($"the coordinator ended with {await coordinator.Exited} before {whatFor}\n{Tail(coordinator.Errors)}");
        }

        return await found;
    }
}
