using System.Net;
using DistTrain.Cli.Operating;
using DistTrain.Cli.Options;
using DistTrain.Cli.Processes;
using DistTrain.Cli.Verbs;
using DistTrain.Coordinator;
using DistTrain.Core.Training;
using DistTrain.Transport.SharedMemory;

namespace DistTrain.Cli.Runs;

/// <summary>Training with the coordinator in this process. Apart from <see cref="TrainingRun"/>, so that a run without workers loads no server.</summary>
public static class ClusterTraining
{
    /// <summary>Trains with workers that join.</summary>
    /// <param name="context">The run.</param>
    /// <param name="options">How to listen and how long to wait.</param>
    /// <param name="count">Workers to start on this machine; 0 waits for others only.</param>
    /// <param name="threads">Of each of them.</param>
    /// <param name="call">For the surroundings and the wish to stop.</param>
    /// <param name="listening">Told where it listens, before anything else is; null for nobody.</param>
    public static async Task<TrainingState> RunAsync(RunContext context, CoordinatorOptions options, int count, int threads, VerbCall call, Action<EndPoint>? listening = null)
    {
        var surroundings = options.Identity is not null ? call.Surroundings
            // A token in the environment is for other runs: with it the workers would insist on certificates, and nobody has any here.
            : call.Surroundings with { Withheld = [.. call.Surroundings.Withheld, .. CommonOptions.OfJoining.Select(setting => setting.Variable)] };
        using var loggers = context.Run.Log.CreateFactory();
        var run = await CoordinatorRun.StartAsync(
            context.Spec,
            context.Dataset,
            options with { CheckpointSteps = context.Checkpoints.Steps, CheckpointInterval = context.Checkpoints.Interval },
            context.Reporter,
            new ClusterReporter(context.Reporter),
            loggers,
            surroundings.Time,
            new RunContinuation(context.Run.Journal.Incarnation, context.From, context.Run.Journal)).ConfigureAwait(false);
        await using var server = run.ConfigureAwait(false);
        var address = run.Address;
        context.Run.Announce(RunAddress.ToAnnounce(address, options.Identity is not null));
        // With the port that the system chose; a socket in the file system has none.
        var endPoint = options.Listen is IPEndPoint ? run.EndPoint : options.Listen;
        listening?.Invoke(endPoint);
        var join = IdentityPlace.JoinLine(IdentityPlace.Advertised(endPoint), options.Identity?.Authority.Hash);
        context.Reporter.Start(address, join);
        context.Run.Log.Information($"Workers can join: {join}");
        var watch = new ClusterWatch(
            async () => await run.StatusAsync().ConfigureAwait(false) is { } status ? Glance(status, surroundings.Elapsed) : null,
            context.Reporter,
            context.Run.Log.Warning,
            surroundings.Time);
        await using var watching = watch.ConfigureAwait(false);

        var workers = new WorkerProcesses(
            context, surroundings, options.Listen is IPEndPoint ? Reachable(run.EndPoint).ToString() : address, threads, options.StartTimeout, () => run.HasEnded || call.Stop.Token.IsCancellationRequested, Remain);
        await using var processes = workers.ConfigureAwait(false);
        if (count > 0)
        {
            workers.Scale(count);
            // Where others join too, whoever started those decides how many there are.
            run.Scale = count == options.WorkersToStart ? workers.Scale : null;
        }

        await using var stopping = call.Stop.Token.Register(() => run.ControlAsync(ControlVerb.Stop)).ConfigureAwait(false);
        await FailIfAllAreRefusedAsync(run, workers).ConfigureAwait(false);
        return await run.Completion.ConfigureAwait(false);

        // Who has died may take its time to come again: the run begins with the others. With nobody left it waits, as long as it may.
        Task Remain(int left) => left > 0 ? run.ExpectWorkersAsync(left) : Task.CompletedTask;
    }

    /// <summary>What a run's membership means to its coordinator.</summary>
    public static CoordinatorOptions Options(Membership membership) => new()
    {
        WorkersToStart = membership.ToStart,
        MinimumWorkers = membership.Minimum,
        MaximumWorkers = membership.Maximum,
        AuditShare = membership.AuditShare,
        SharedMemoryDirectory = membership.SharesMemory ? RunSegment.DefaultDirectory : null,
    };

    /// <summary>Returns when the run has ended, or can only go on with workers from elsewhere that are there.</summary>
    /// <exception cref="NotEnoughWorkersException">Its own workers were all refused for good, and there is nobody else.</exception>
    private static async Task FailIfAllAreRefusedAsync(CoordinatorRun run, WorkerProcesses workers)
    {
        if (await Task.WhenAny(run.Completion, workers.AllRefused).ConfigureAwait(false) == workers.AllRefused
            && await run.StatusAsync().ConfigureAwait(false) is { Workers.Count: 0 })
        {
            throw new NotEnoughWorkersException(
                $"Every worker of this run ended with exit code {ExitCode.WrongUse} and will not come again. The first one's last words: {await workers.AllRefused.ConfigureAwait(false)}");
        }
    }

    /// <summary>Where the user wants to listen, as an address of this machine, or a file.</summary>
    /// <exception cref="Core.InvalidInputException">There is none of that name.</exception>
    public static async Task<EndPoint> FindAddress(EndPoint where, CancellationToken cancellation)
    {
        if (where is not DnsEndPoint listen)
        {
            return where;
        }

        if (IPAddress.TryParse(listen.Host, out var address))
        {
            return new IPEndPoint(address, listen.Port);
        }

        try
        {
            var addresses = await Dns.GetHostAddressesAsync(listen.Host, cancellation).ConfigureAwait(false);
            return new IPEndPoint(addresses[0], listen.Port);
        }
        catch (Exception e) when (e is System.Net.Sockets.SocketException or ArgumentException)
        {
            throw new Core.InvalidInputException($"--listen: there is no address for '{listen.Host}': {e.Message}", e);
        }
    }

    private static ClusterGlance Glance(RunStatus status, TimeSpan elapsed) => new(status.WaitsFor, [.. status.Workers.Select(worker => new WorkerGlance(
        worker.Info.Id,
        FormattableString.Invariant($"{worker.Info.Id} {worker.Info.Host}:{worker.Info.ProcessId}"),
        worker.State,
        worker.Info.Id == status.SlowWorker,
        worker.Shards,
        RunEvent.Finite(worker.ComputeSeconds),
        RunEvent.Finite(worker.NetworkSeconds),
        RunEvent.Finite(worker.WaitSeconds),
        worker.SilentSeconds))], elapsed.TotalSeconds);

    /// <summary>"Any address" is nothing to connect to.</summary>
    private static IPEndPoint Reachable(IPEndPoint endPoint) =>
        endPoint.Address.Equals(IPAddress.Any) ? new IPEndPoint(IPAddress.Loopback, endPoint.Port)
        : endPoint.Address.Equals(IPAddress.IPv6Any) ? new IPEndPoint(IPAddress.IPv6Loopback, endPoint.Port)
        : endPoint;

    private sealed class ClusterReporter(RunReporter reporter) : IClusterObserver
    {
        public void WorkerJoined(WorkerInfo worker) =>
            Tell("joined", worker, FormattableString.Invariant($"{worker.Threads} threads, {worker.VectorBits}-bit vectors, from {worker.Peer}, over {worker.Transport}"));

        public void WorkerLost(WorkerInfo worker, string reason) => Tell("lost", worker, reason);

        public void WorkerLeft(WorkerInfo worker, string reason) => Tell("left", worker, reason);

        public void WorkerRefused(string peer, string reason) => reporter.WorkerChanged("refused", $"from {peer}", processId: null, reason);

        public void LeaseReissued(WorkerInfo to, Round round, ShardRange shards) => Tell(
            "reissued", to, FormattableString.Invariant($"took over shards {shards.Start} to {shards.End - 1} of {(round.Kind == RoundKind.Training ? "step" : "the evaluation after step")} {round.Version}"));

        public void WorkerCondemned(WorkerInfo worker, string reason, bool isForGood) => Tell(isForGood ? "evicted" : "quarantined", worker, reason);

        public void WorkerSlow(WorkerInfo worker, double ratio) =>
            Tell("slow", worker, FormattableString.Invariant($"takes {ratio:0.0} times what the others take; it gets a smaller share"));

        public void Waiting(string message) => reporter.WorkerChanged("waiting", worker: null, processId: null, message);

        private void Tell(string what, WorkerInfo worker, string reason) =>
            reporter.WorkerChanged(what, FormattableString.Invariant($"{worker.Id} (pid {worker.ProcessId} on {worker.Host})"), worker.ProcessId, reason);
    }
}
