using DistTrain.Cli.Options;
using DistTrain.Cli.Search;

namespace DistTrain.Cli.Verbs;

/// <summary><c>search</c>: the best of many trainings with other hyperparameters, on a validation split of the training set.</summary>
public sealed class SearchVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "search";

    /// <inheritdoc/>
    public override string Help =>
        "Search hyperparameters: any option of train may be a range, log:1e-4..1, lin:0.5..0.99 or list:50,100. The trials and results are the same for any number of workers.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("search --model multi-layer --hidden list:50,100 --lr log:1e-4..1 --trials 40 --workers 2", "forty trials on two processes")];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
    [
        .. CommonOptions.OfRun, .. SearchOptions.OfSearch, SearchOptions.Workers, CommonOptions.Threads, SearchOptions.Out, SearchOptions.Resume,
        CommonOptions.CheckpointEvery, CommonOptions.Json,
    ];

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call) => SearchRun.RunAsync(call);
}
