using System.Net;
using DistTrain.Cli.Options;
using DistTrain.Cli.Processes;
using DistTrain.Cli.Runs;
using DistTrain.Coordinator;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Verbs;

/// <summary><c>train</c>: the main job. Without workers in this process, else on processes it starts.</summary>
public sealed class TrainVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "train";

    /// <inheritdoc/>
    public override string Help => "Train a network, in this process or on worker processes; the bits are the same.";

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
    [
        .. CommonOptions.OfRun, CommonOptions.Workers, CommonOptions.Threads, .. CommonOptions.OfMembership, CommonOptions.Out, .. CommonOptions.OfCheckpoints, CommonOptions.Config, CommonOptions.StartTimeout,
        CommonOptions.Json, CommonOptions.EndWithInput,
    ];

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call)
    {
        if (call.Values.Get(CommonOptions.EndWithInput, false))
        {
            InputWatch.Start(call.Stop, call.Surroundings.Time);
        }

        var membership = Membership.OfTraining(call.Values);
        var workers = membership.ToStart;
        var threads = call.Values.Get(CommonOptions.Threads, DefaultThreads(workers, call.Surroundings.Cores));
        var startTimeout = call.Values.Get(CommonOptions.StartTimeout, CommonOptions.DefaultStartTimeout);
        return TrainingRun.RunAsync(call, workers, threads, context => workers == 0
            ? Task.FromResult(LocalTraining.Run(context, threads, call))
            : OnWorkers(context, membership, threads, startTimeout, call));
    }

    /// <summary>All cores for one process, an equal share for each of several, at least 1.</summary>
    public static int DefaultThreads(int workers, int cores) => workers == 0 ? cores : Math.Max(1, cores / workers);

    private static Task<TrainingState> OnWorkers(RunContext context, Membership membership, int threads, TimeSpan startTimeout, VerbCall call)
    {
        var options = ClusterTraining.Options(membership) with { Listen = new IPEndPoint(IPAddress.Loopback, 0), StartTimeout = startTimeout };
        return ClusterTraining.RunAsync(context, options, membership.ToStart, threads, call);
    }
}
