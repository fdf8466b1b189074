using System.Net;
using DistTrain.Cli.Operating;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Coordinator;

namespace DistTrain.Cli.Verbs;

/// <summary><c>coordinator</c>: the run without workers of its own; they join from anywhere.</summary>
public sealed class CoordinatorVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "coordinator";

    /// <inheritdoc/>
    public override string Help => "Train with workers that join by 'disttrain worker'; they may come and go at any time.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples =>
    [
        new("coordinator --workers 2", "begin as soon as two workers are there"),
        new("coordinator --listen 0.0.0.0:29500 --model mlp-1024 --epochs 20", "take workers from other machines, over TLS; it prints the line to paste there"),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
    [
        CommonOptions.Listen, CommonOptions.Identity, CommonOptions.Tls, CommonOptions.Insecure, CommonOptions.WorkersToStart, .. CommonOptions.OfMembership, .. CommonOptions.OfRun, CommonOptions.Out, .. CommonOptions.OfCheckpoints, CommonOptions.Config,
        CommonOptions.StartTimeout, CommonOptions.Dashboard, CommonOptions.Report, CommonOptions.Json, CommonOptions.ProgressInterval,
    ];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var values = call.Values;
        var listen = await ClusterTraining.FindAddress(
            values.Get(CommonOptions.Listen, new DnsEndPoint("127.0.0.1", CommonOptions.DefaultPort)), call.Stop.Token).ConfigureAwait(false);
        using var identity = IdentityPlace.OfCoordinator(call, listen);
        var options = ClusterTraining.Options(Membership.OfCoordinator(values)) with
        {
            Listen = listen,
            Identity = identity,
            Insecure = values.Get(CommonOptions.Insecure, false),
            StartTimeout = values.Get(CommonOptions.StartTimeout, CommonOptions.DefaultStartTimeout),
        };
        options.Validate();
        return await TrainingRun.RunAsync(
            call, options.WorkersToStart, threads: null, context => ClusterTraining.RunAsync(context, options, count: 0, threads: 1, call, Greet)).ConfigureAwait(false);

        void Greet(EndPoint endPoint)
        {
            if (identity is not null)
            {
                IdentityPlace.Greet(call, identity, endPoint);
            }
        }
    }
}
