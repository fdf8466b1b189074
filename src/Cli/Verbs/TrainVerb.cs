using System.Net;
using DistTrain.Cli.Options;
using DistTrain.Cli.Processes;
using DistTrain.Cli.Runs;
using DistTrain.Coordinator;
using DistTrain.Core;
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
    public override IReadOnlyList<Example> Examples =>
    [
        new("train --workers 2", "MNIST on two worker processes, as good as in one"),
        new("train --model lenet-5 --epochs 10 --optimizer adam --lr 0.001", "a convolutional network in this process"),
        new("train --workers 3 --resume auto --out runs/mine", "go on where a run stopped, with another number of workers"),
    ];

    /// <inheritdoc/>
    public override bool IsTask => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
    [
        .. CommonOptions.OfRun, CommonOptions.Workers, CommonOptions.Threads, .. CommonOptions.OfMembership, CommonOptions.Out, .. CommonOptions.OfCheckpoints, CommonOptions.Config, CommonOptions.StartTimeout, CommonOptions.Dashboard, CommonOptions.Report,
        CommonOptions.Listen, CommonOptions.Insecure, CommonOptions.Json, CommonOptions.EndWithInput,
    ];

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call)
    {
        if (call.Values.Get(CommonOptions.EndWithInput, false))
        {
            InputWatch.Start(call.Stop, call.Surroundings.Time);
        }

        var membership = Membership.OfTraining(call.Values);
        if (call.Values.Origin(CommonOptions.Workers) == SettingOrigin.Platform)
        {
            return SlurmTraining.RunAsync(call, membership);
        }

        RequireNoAddress(call.Values);
        var workers = membership.ToStart;
        if (workers == 0 && call.Values.Origin(CommonOptions.Dashboard) == SettingOrigin.CommandLine && call.Values.Get(CommonOptions.Dashboard, null) is not null)
        {
            throw new InvalidInputException(
                $"{CommonOptions.Dashboard.Name} goes with workers: a run in one process has no server. Add --workers 1 or more, or look at {RunDirectory.ReportFileName} when it has ended.");
        }

        var threads = Threads(call, workers);
        var startTimeout = call.Values.Get(CommonOptions.StartTimeout, CommonOptions.DefaultStartTimeout);
        return TrainingRun.RunAsync(call, workers, threads, context => workers == 0
            ? Task.FromResult(LocalTraining.Run(context, threads, call))
            : OnWorkers(context, membership, threads, startTimeout, call));
    }

    /// <summary>All cores for one process, an equal share for each of several, at least 1.</summary>
    public static int DefaultThreads(int workers, int cores) => workers == 0 ? cores : Math.Max(1, cores / workers);

    /// <summary>What a platform says is of this process: its workers share it.</summary>
    private static int Threads(VerbCall call, int workers) =>
        call.Values.Origin(CommonOptions.Threads) == SettingOrigin.Platform
            ? DefaultThreads(workers, call.Values.Get(CommonOptions.Threads, 1))
            : call.Values.Get(CommonOptions.Threads, DefaultThreads(workers, call.Surroundings.Cores));

    /// <summary>Outside a task of Slurm nobody is served. Others' files and environments may hold an address: it does no harm.</summary>
    /// <exception cref="InvalidInputException">The command line holds one.</exception>
    internal static void RequireNoAddress(SettingValues values)
    {
        foreach (var setting in (Setting[])[CommonOptions.Listen, CommonOptions.Insecure])
        {
            if (values.Origin(setting) == SettingOrigin.CommandLine)
            {
                throw new InvalidInputException(
                    $"{setting.Name} goes with several tasks of Slurm (srun, without --workers): this run serves nobody beyond its own workers. 'disttrain coordinator' serves others.");
            }
        }
    }

    private static Task<TrainingState> OnWorkers(RunContext context, Membership membership, int threads, TimeSpan startTimeout, VerbCall call)
    {
        var options = ClusterTraining.Options(membership) with { Listen = new IPEndPoint(IPAddress.Loopback, 0), StartTimeout = startTimeout };
        return ClusterTraining.RunAsync(context, options, membership.ToStart, threads, call);
    }
}
