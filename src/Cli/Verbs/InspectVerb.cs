using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;
using DistTrain.Core;
using DistTrain.Core.Formats;
using DistTrain.Core.Models;

namespace DistTrain.Cli.Verbs;

/// <summary>
/// <c>inspect --model M</c>: a network layer by layer, or its specification to be changed; <c>inspect --health RUN</c>: the mistakes that keep a run from
/// learning.
/// </summary>
public sealed class InspectVerb : Verb
{
    private static readonly IReadOnlyList<Setting> OfModel = [.. CommonOptions.OfModel, SampleOptions.Normalize, CommonOptions.Spec];

    /// <inheritdoc/>
    public override string Name => "inspect";

    /// <inheritdoc/>
    public override string Help => "A network layer by layer: shapes, parameters, cost; or its ModelSpec (--spec); or what is wrong with a run (--health).";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples =>
    [
        new("inspect --model lenet-5", "its layers"),
        new("inspect --model two-layer --spec", "its JSON, to be changed and given to --model"),
        new("inspect --health runs/mine", "what is wrong with a run"),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
        [.. OfModel, CommonOptions.Health, CommonOptions.Dataset, CommonOptions.Data, CommonOptions.Config, CommonOptions.Json];

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call)
    {
        if (call.Values.FindText(CommonOptions.Health) is { } run)
        {
            return InspectHealth(call, run);
        }

        var (values, output) = (call.Values, call.Surroundings.Output);
        var model = RunRequest.ReadModel(values, call.Surroundings);
        if (values.Get(CommonOptions.Spec, false))
        {
            output.WriteLine(SpecJson.Write(model));
        }
        else
        {
            var summary = ModelSummary.Of(model);
            output.WriteLine(values.Get(CommonOptions.Json, false) ? ModelView.Json(model, summary) : ModelView.Table(model, summary));
        }

        return Task.FromResult(ExitCode.Done);
    }

    private static async Task<int> InspectHealth(VerbCall call, string path)
    {
        if (OfModel.FirstOrDefault(setting => call.Values.Origin(setting) == SettingOrigin.CommandLine) is { } given)
        {
            throw new InvalidInputException($"{given.Name} does not go with {CommonOptions.Health.Name}, which looks at a run's own model.");
        }

        var run = await InspectedRun.LoadAsync(path, call.Values.Without(OfModel), call.Surroundings, call.Stop.Token).ConfigureAwait(false);
        using (run)
        {
            var (evidence, findings) = run.Judge();
            call.Surroundings.Output.WriteLine(
                call.Values.Get(CommonOptions.Json, false) ? HealthView.Json(run, evidence, findings) : HealthView.Text(run, evidence, findings));
        }

        return ExitCode.Done;
    }
}
