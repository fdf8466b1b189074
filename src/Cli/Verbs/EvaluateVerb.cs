using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Verbs;

/// <summary>
/// <c>evaluate RUN</c>: loss and accuracy of a finished run's parameters on its test set; <c>evaluate --model M --weights FILE</c>: of parameters made
/// elsewhere.
/// </summary>
public sealed partial class EvaluateVerb : Verb
{
    private static readonly IReadOnlyList<Setting> OfWeights = [.. CommonOptions.OfModel, SampleOptions.Normalize, CommonOptions.Weights];

    /// <inheritdoc/>
    public override string Name => "evaluate";

    /// <inheritdoc/>
    public override string Help => "Loss and accuracy on a test set: of a finished run, or of --model with the parameters in --weights.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples =>
    [
        new("evaluate runs/mine", "of a finished run"),
        new("evaluate --model lenet-5 --weights lenet.safetensors", "of parameters that PyTorch wrote"),
    ];

    /// <inheritdoc/>
    public override string? ArgumentName => "RUN";

    /// <inheritdoc/>
    public override string ArgumentHelp => "Directory of a finished run; leave it out with --model and --weights.";

    /// <inheritdoc/>
    public override bool ArgumentIsOptional => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
        [.. OfWeights, CommonOptions.Dataset, CommonOptions.Data, CommonOptions.Threads, CommonOptions.Json];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var result = call.Argument.Length > 0 ? await EvaluateRun(call).ConfigureAwait(false) : await EvaluateWeights(call).ConfigureAwait(false);
        call.Surroundings.Output.WriteLine(call.Values.Get(CommonOptions.Json, false)
            ? JsonSerializer.Serialize(result, EvaluationJson.Default.EvaluationLine)
            : $"""
              {result.Model} on the {result.Samples} {(result.IsHeldOut ? "held-out training samples" : "test samples")} of {result.Dataset}
                test accuracy     {EventText.Percent(result.TestAccuracy)}
                test loss         {EventText.Number(result.TestLoss, "F4")}
                parametersSha256  {result.ParametersSha256}
              """);
        return ExitCode.Done;
    }

    private static async Task<EvaluationLine> EvaluateRun(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        if (OfWeights.FirstOrDefault(setting => values.Origin(setting) == SettingOrigin.CommandLine) is { } given)
        {
            throw new InvalidInputException($"{given.Name} does not go with RUN, whose model and parameters are known. Give RUN, or --model and --weights.");
        }

        var directory = RunDirectory.Open(surroundings.Resolve(call.Argument));
        if (!File.Exists(directory.RunPath))
        {
            throw new InvalidInputException($"{directory.FullPath} holds no run: it has no {RunDirectory.RunFileName}. 'disttrain train' prints where it puts its runs.");
        }

        if (!File.Exists(directory.ParametersPath))
        {
            throw new InvalidInputException(
                $"{directory.FullPath} has no {RunDirectory.ParametersFileName}: the run has not come to its end. 'disttrain train --resume {directory.FullPath}' goes on with it; 'disttrain inspect --health {directory.FullPath}' looks at its newest checkpoint.");
        }

        // The run's own file stands where --config does for training: below what the options say; but its model is its own.
        var request = RunRequest.From(values.Without(OfWeights).Over(ConfigFile.Read(directory.RunPath)), surroundings);
        using var parameters = new ParameterSet(request.Model.ParameterLayout());
        SafeTensors.ReadInto(directory.ParametersPath, parameters.Layout, parameters.Values);

        var loaded = await request.LoadAsync(surroundings, call.Stop.Token).ConfigureAwait(false);
        var spec = request.ToSpec(loaded.Dataset);
        return Evaluate(call, spec.Model, parameters, loaded.Dataset) with { Run = directory.FullPath, IsHeldOut = spec.Dataset.Holdout is not null };
    }

    private static async Task<EvaluationLine> EvaluateWeights(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var path = surroundings.Resolve(values.FindText(CommonOptions.Weights) ?? throw new InvalidInputException(
            "There is nothing to evaluate: name a run (disttrain evaluate RUN), or a model and the file of its parameters (disttrain evaluate --model NAME --weights FILE). 'disttrain evaluate --help' lists what there is."));
        var model = RunRequest.ReadModel(values, surroundings);
        using var parameters = new ParameterSet(model.ParameterLayout());
        var report = WeightFile.ReadInto(path, parameters.Layout, parameters.Values);
        foreach (var (tensor, count) in report.Rounded)
        {
            surroundings.Tell(FormattableString.Invariant(
                $"{path}: tensor '{tensor}': {count:N0} of its 64-bit values were rounded to the nearest 32-bit ones, with which DistTrain computes."));
        }

        var directory = values.FindText(CommonOptions.Data) is { } data ? surroundings.Resolve(data) : null;
        var loaded = await surroundings.Load(RunRequest.FindDatasetName(values, surroundings), directory, call.Stop.Token).ConfigureAwait(false);
        RunSpec.RequireFit(model, DatasetSpec.Of(loaded.Dataset));
        return Evaluate(call, model, parameters, loaded.Dataset) with { Weights = path, RoundedValues = report.Rounded.Sum(rounded => rounded.Values) };
    }

    private static EvaluationLine Evaluate(VerbCall call, ModelSpec model, ParameterSet parameters, Dataset dataset)
    {
        var threads = call.Values.Get(CommonOptions.Threads, call.Surroundings.Cores);
        var evaluation = Evaluator.Run(model, parameters, dataset.Test, RunSpec.EvaluationShardCountOf(dataset.Test.Count), threads);
        return new EvaluationLine(
            "evaluated",
            model.Name,
            dataset.Name,
            RunEvent.Finite(evaluation.Loss),
            RunEvent.Finite(evaluation.Accuracy),
            dataset.Test.Count,
            ParametersHash.Sha256(parameters.Values));
    }

    /// <summary>The result as a line of JSON.</summary>
    internal sealed record EvaluationLine(
        string Event, string Model, string Dataset, double? TestLoss, double? TestAccuracy, int Samples, string ParametersSha256)
    {
        /// <summary>The run directory, if one was evaluated.</summary>
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Run { get; init; }

        /// <summary>Whether the samples were held out of the training set.</summary>
        [JsonIgnore]
        public bool IsHeldOut { get; init; }

        /// <summary>The weight file, if one was.</summary>
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Weights { get; init; }

        /// <summary>Its 64-bit values that 32 bits cannot hold.</summary>
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public long? RoundedValues { get; init; }
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(EvaluationLine))]
    internal sealed partial class EvaluationJson : JsonSerializerContext;
}
