using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;
using DistTrain.Core.Data;
using DistTrain.Core.Models;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Verbs;

/// <summary><c>gradcheck</c>: backpropagation against the numerical gradient, and how much faster it is.</summary>
public sealed partial class GradCheckVerb : Verb
{
    private const int Repetitions = 10;
    private const int SyntheticImages = 64;

    /// <inheritdoc/>
    public override string Name => "gradcheck";

    /// <inheritdoc/>
    public override string Help => "Compare backpropagation with central differences, in double; exit code 0 if they agree, 1 if not.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples => [new("gradcheck --model simple-convnet", "layer by layer")];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
    [
        .. CommonOptions.OfModel, SampleOptions.Normalize, CommonOptions.Dataset, CommonOptions.Data, CommonOptions.Seed, CommonOptions.Config, CommonOptions.Json,
    ];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var model = RunRequest.ReadModel(values, surroundings);
        var images = await ReadImages(call, model).ConfigureAwait(false);
        using var check = new GradientCheck(model, images, values.Get(CommonOptions.Seed, CommonOptions.DefaultSeed));
        var (gradient, backpropagation) = Fastest(surroundings.Time, check.BackpropagationGradient, call.Stop.Token);
        var begin = surroundings.Time.GetTimestamp();
        var numerical = check.NumericalGradient(call.Stop.Token);
        var perElement = surroundings.Time.GetElapsedTime(begin) / numerical.Count;
        var result = check.Compare(gradient, numerical);
        var ratio = perElement * check.Layout.Length / backpropagation;

        surroundings.Output.WriteLine(values.Get(CommonOptions.Json, false)
            ? JsonSerializer.Serialize(
                new GradCheckLine(
                    "gradchecked", model.Name, result.Passed, RunEvent.Finite(result.WorstRelativeError), GradientCheck.Tolerance, result.CheckedCount,
                    result.KinkCount, RunEvent.Finite(ratio), [.. result.Tensors.Select(TensorLine.Of)]),
                GradCheckJson.Default.GradCheckLine)
            : Describe(model.Name, result, check.Layout.Length, ratio));
        return result.Passed ? ExitCode.Done : ExitCode.Failed;
    }

    /// <summary>Any images will do, so without a wish no file and no network is needed: digits where they fit the model, else noise.</summary>
    private static async Task<LabeledImages> ReadImages(VerbCall call, ModelSpec model)
    {
        var name = RunRequest.FindDatasetName(call.Values, call.Surroundings);
        // A directory that a variable names for every command is no wish for this one.
        if (name is null && call.Values.Origin(CommonOptions.Data) != SettingOrigin.CommandLine)
        {
            var shapes = model.Shapes();
            var digits = SyntheticDigits.Create(SyntheticImages, 1).Train;
            return digits.ImageSize == shapes[0].Size && digits.ClassCount <= shapes[^1].Size
                ? digits
                : NoiseImages.Create(SyntheticImages, shapes[0], Math.Min(shapes[^1].Size, NoiseImages.MostClasses));
        }

        var directory = call.Values.FindText(CommonOptions.Data) is { } path ? call.Surroundings.Resolve(path) : null;
        return (await call.Surroundings.Load(name, directory, call.Stop.Token).ConfigureAwait(false)).Dataset.Train;
    }

    /// <summary>The shortest of several runs: the first ones also translate the code.</summary>
    private static (double[] Gradient, TimeSpan Time) Fastest(TimeProvider time, Func<double[]> compute, CancellationToken cancellation)
    {
        var (gradient, best) = (Array.Empty<double>(), TimeSpan.MaxValue);
        for (var i = 0; i < Repetitions; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var begin = time.GetTimestamp();
            gradient = compute();
            var elapsed = time.GetElapsedTime(begin);
            best = elapsed < best ? elapsed : best;
        }

        return (gradient, best);
    }

    private static string Describe(string model, GradientCheckResult result, int parameters, double ratio)
    {
        var width = Math.Max("tensor".Length, result.Tensors.Max(tensor => tensor.Name.Length));
        var text = new StringBuilder()
            .AppendLine(CultureInfo.InvariantCulture, $"{model}: backpropagation against central differences, h = {GradientCheck.Step:0e-0}, in double")
            .AppendLine(CultureInfo.InvariantCulture, $"{"tensor".PadRight(width)}  elements  checked  kinks  worst relative error");
        foreach (var tensor in result.Tensors)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{tensor.Name.PadRight(width)}  {tensor.Length,8}  {tensor.CheckedCount,7}  {tensor.KinkCount,5}  {tensor.WorstRelativeError:0.00e-0} at {tensor.WorstElement}");
        }

        return text
            .AppendLine(CultureInfo.InvariantCulture, $"kinks: {result.KinkCount} elements left out because a ReLU or another kink changes side within h")
            .AppendLine(
                CultureInfo.InvariantCulture,
                $"backpropagation is {EventText.Number(RunEvent.Finite(ratio), "N0")} times faster for all {parameters:N0} elements (differences timed on {result.CheckedCount + result.KinkCount:N0})")
            .Append(
                CultureInfo.InvariantCulture,
                $"{(result.Passed ? "PASS" : "FAIL")}: worst relative error {result.WorstRelativeError:0.00e-0}, allowed {GradientCheck.Tolerance:0e-0}")
            .ToString();
    }

    /// <summary>One tensor's line.</summary>
    internal sealed record TensorLine(string Name, int Elements, int Checked, int Kinks, double? WorstRelativeError, int WorstElement)
    {
        public static TensorLine Of(GradientCheckTensor tensor) => new(
            tensor.Name, tensor.Length, tensor.CheckedCount, tensor.KinkCount, RunEvent.Finite(tensor.WorstRelativeError), tensor.WorstElement);
    }

    /// <summary>The result as a line of JSON.</summary>
    internal sealed record GradCheckLine(
        string Event, string Model, bool Passed, double? WorstRelativeError, double Tolerance, int Checked, int Kinks,
        double? BackpropagationTimesFaster, IReadOnlyList<TensorLine> Tensors);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(GradCheckLine))]
    internal sealed partial class GradCheckJson : JsonSerializerContext;
}
