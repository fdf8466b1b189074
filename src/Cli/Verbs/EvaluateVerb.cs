using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;
using DistTrain.Core.Formats;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Verbs;

/// <summary><c>evaluate RUN</c>: loss and accuracy of a finished run's parameters on its test set.</summary>
public sealed partial class EvaluateVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "evaluate";

    /// <inheritdoc/>
    public override string Help => "Loss and accuracy of a finished run on its test set.";

    /// <inheritdoc/>
    public override string? ArgumentName => "RUN";

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
        [CommonOptions.Dataset, CommonOptions.Data, CommonOptions.Threads, CommonOptions.Json];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var directory = RunDirectory.Open(surroundings.Resolve(call.Argument));
        var threads = values.Get(CommonOptions.Threads, surroundings.Cores);
        // The run's own file stands where --config does for training: below what the options say.
        var request = RunRequest.From(values.Over(ConfigFile.Read(directory.RunPath)), surroundings);
        using var parameters = new ParameterSet(request.Model.ParameterLayout());
        SafeTensors.ReadInto(directory.ParametersPath, parameters.Layout, parameters.Values);

        var loaded = await request.LoadAsync(surroundings, call.Stop.Token).ConfigureAwait(false);
        var spec = request.ToSpec(loaded.Dataset);
        var evaluation = Evaluator.Run(spec.Model, parameters, loaded.Dataset.Test, spec.EvaluationShardCount, threads);
        var result = new EvaluationLine(
            "evaluated",
            directory.FullPath,
            spec.Model.Name,
            spec.Dataset.Name,
            RunEvent.Finite(evaluation.Loss),
            RunEvent.Finite(evaluation.Accuracy),
            spec.Dataset.TestCount,
            ParametersHash.Sha256(parameters.Values));
        surroundings.Output.WriteLine(values.Get(CommonOptions.Json, false)
            ? JsonSerializer.Serialize(result, EvaluationJson.Default.EvaluationLine)
            : $"""
              {result.Model} on the {result.Samples} {(spec.Dataset.Holdout is null ? "test samples" : "held-out training samples")} of {result.Dataset}
                test accuracy     {EventText.Percent(result.TestAccuracy)}
                test loss         {EventText.Number(result.TestLoss, "F4")}
                parametersSha256  {result.ParametersSha256}
              """);
        return ExitCode.Done;
    }

    /// <summary>The result as a line of JSON.</summary>
    internal sealed record EvaluationLine(
        string Event, string Run, string Model, string Dataset, double? TestLoss, double? TestAccuracy, int Samples, string ParametersSha256);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(EvaluationLine))]
    internal sealed partial class EvaluationJson : JsonSerializerContext;
}
