using System.Globalization;
using System.Net;
using DistTrain.Cli.Operating;
using DistTrain.Cli.Options;
using DistTrain.Cli.Platforms;
using DistTrain.Cli.Verbs;
using DistTrain.Core;
using DistTrain.Transport;

namespace DistTrain.Cli.Runs;

/// <summary>
/// <c>srun disttrain train</c>: the same command in every task of a step. Task 0 hosts the coordinator and starts a worker beside it, the others are
/// workers, so that N tasks are N workers.
/// </summary>
public static class SlurmTraining
{
    /// <summary>Slurm gives a task one CPU unless --cpus-per-task asks for more.</summary>
    private const int DefaultThreads = 1;

    /// <summary>What coordinator and workers may be told, by the environment alone: who else runs <c>train</c> has no use for it.</summary>
    private static readonly IReadOnlyList<Setting> FromEnvironment =
    [
        CommonOptions.Identity, CommonOptions.Tls, CommonOptions.Token, CommonOptions.TokenFile, CommonOptions.AuthorityHash,
        CommonOptions.WorkerName, CommonOptions.ReconnectTimeout,
    ];

    /// <summary>Is this task's part of the run.</summary>
    /// <param name="call">Of <c>train</c>.</param>
    /// <param name="membership">As many workers as tasks.</param>
    /// <exception cref="InvalidInputException">The tasks could not meet, or cannot show who they are.</exception>
    public static Task<int> RunAsync(VerbCall call, Membership membership)
    {
        var step = SlurmStep.Find(call.Surroundings.Variable) ?? throw new InvalidOperationException("This process is no task of a step.");
        var values = call.Values.And(FromEnvironment, call.Surroundings);
        var meeting = SlurmMeeting.Of(step, values);
        if (!meeting.IsSecure)
        {
            // With a token a worker insists on certificates.
            values = values.Without(CommonOptions.OfJoining);
        }

        if (!values.Has(CommonOptions.Threads))
        {
            values = values.OfPlatform(CommonOptions.Threads, DefaultThreads.ToString(CultureInfo.InvariantCulture), step.CountVariable);
        }

        return step.Rank == 0
            ? CoordinateAsync(call with { Values = values }, membership, meeting)
            : new WorkerVerb().RunAsync(call with { Values = values.OfPlatform(CommonOptions.Coordinator, CoordinatorAddress.Text(meeting.Coordinator), meeting.Place) });
    }

    private static async Task<int> CoordinateAsync(VerbCall call, Membership membership, SlurmMeeting meeting)
    {
        var values = call.Values;
        var threads = values.Get(CommonOptions.Threads, DefaultThreads);
        var listen = await ClusterTraining.FindAddress(meeting.Listen, call.Stop.Token).ConfigureAwait(false);
        using var identity = IdentityPlace.OfCoordinator(call, listen);
        if (identity is null && meeting.IsSecure)
        {
            throw new InvalidInputException(
                $"{meeting.Place} is {CoordinatorAddress.Text(meeting.Listen)}, which on this node is {CoordinatorAddress.Text(listen)}: no other node reaches it. Give an address that others reach, or 127.0.0.1 if all tasks are on this node.");
        }

        if (identity is not null && values.FindText(CommonOptions.AuthorityHash) is { } hash && hash != identity.Authority.Hash)
        {
            throw new InvalidInputException(
                $"{values.Place(CommonOptions.AuthorityHash)} is {hash}, but the authority in {identity.Path} is {identity.Authority.Hash}: no worker would join. Set {CommonOptions.Identity.Variable} to the directory that the token was made in.");
        }

        var options = ClusterTraining.Options(membership) with
        {
            Listen = listen,
            Identity = identity,
            Insecure = values.Get(CommonOptions.Insecure, false),
            StartTimeout = values.Get(CommonOptions.StartTimeout, CommonOptions.DefaultStartTimeout),
        };
        options.Validate();
        return await TrainingRun.RunAsync(
            call, membership.ToStart, threads, context => ClusterTraining.RunAsync(context, options, count: 1, threads, call)).ConfigureAwait(false);
    }
}
