using DistTrain.Cli.Data;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Layers;
using DistTrain.Core.Losses;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Options;

/// <summary>The run that the options ask for, checked before any data is loaded.</summary>
public sealed record RunRequest
{
    private static readonly int[] DefaultHidden = [100, 100, 100];

    /// <summary>The network.</summary>
    public required ModelSpec Model { get; init; }

    /// <summary>How it learns.</summary>
    public required OptimizerSpec Optimizer { get; init; }

    /// <summary>How long, or null if <see cref="Steps"/> says it.</summary>
    public required int? Epochs { get; init; }

    /// <summary>How long, or null if <see cref="Epochs"/> says it.</summary>
    public required long? Steps { get; init; }

    /// <summary>Samples per step.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Shards per step.</summary>
    public required int Shards { get; init; }

    /// <summary>Of every random number.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The dataset asked for, or null for the default one.</summary>
    public required string? DatasetName { get; init; }

    /// <summary>Where to look for it, as an absolute path, or null.</summary>
    public required string? DataDirectory { get; init; }

    /// <summary>What is held out of its training set in place of the test set; null for nothing.</summary>
    public HoldoutSpec? Holdout { get; init; }

    /// <summary>When to evaluate: see <see cref="RunSpec.EvaluateEvery"/>.</summary>
    public long? EvaluateEvery { get; init; }

    /// <summary>How the images of a training step are moved; null for not at all.</summary>
    public AugmentationSpec? Augmentation { get; init; }

    /// <summary>The data a repeated run was made with, or null.</summary>
    public DatasetSpec? ExpectedDataset { get; init; }

    /// <summary>The contract of bits a repeated run was made under.</summary>
    public int NumericsRevision { get; init; } = RunSpec.CurrentNumericsRevision;

    /// <summary>Reads and checks the options.</summary>
    /// <exception cref="InvalidInputException">One of them cannot be used, or two contradict each other.</exception>
    public static RunRequest From(SettingValues values, Surroundings surroundings)
    {
        var (epochs, steps) = ReadDuration(values);
        var seed = values.Get(CommonOptions.Seed, CommonOptions.DefaultSeed);
        var holdout = ReadHoldout(values, seed);
        var expected = values.Origin(CommonOptions.Dataset) == SettingOrigin.ConfigFile ? values.File?.Dataset : null;
        var request = new RunRequest
        {
            Model = ReadModel(values, surroundings),
            Optimizer = ReadOptimizer(values),
            Epochs = epochs,
            Steps = steps,
            BatchSize = values.Get(CommonOptions.BatchSize, CommonOptions.DefaultBatchSize),
            Shards = values.Get(CommonOptions.Shards, CommonOptions.DefaultShards),
            Seed = seed,
            DatasetName = FindDatasetName(values, surroundings),
            DataDirectory = values.FindText(CommonOptions.Data) is { } directory ? surroundings.Resolve(directory) : null,
            Holdout = holdout,
            EvaluateEvery = values.Get(CommonOptions.EvaluateEvery, null),
            // Another split than the file's is another dataset on purpose.
            ExpectedDataset = expected?.Holdout == holdout ? expected : null,
            Augmentation = ReadAugmentation(values),
            NumericsRevision = values.File?.NumericsRevision ?? RunSpec.CurrentNumericsRevision,
        };
        request.Optimizer.Validate();
        return request;
    }

    /// <summary>What <c>--dataset</c> says, with a full path if it says one; null if it says nothing.</summary>
    public static string? FindDatasetName(SettingValues values, Surroundings surroundings) =>
        values.FindText(CommonOptions.Dataset) is { } name ? DatasetPath.TryParse(name)?.Resolve(surroundings.Resolve).Name ?? name : null;

    /// <summary>The network that <c>--model</c>, its companions, <c>--normalize</c> and <c>--label-smoothing</c> describe.</summary>
    /// <exception cref="InvalidInputException">There is no such network.</exception>
    public static ModelSpec ReadModel(SettingValues values, Surroundings surroundings)
    {
        var model = ReadLayers(values, surroundings);
        if (values.Has(SampleOptions.Normalize))
        {
            model = model with { Normalization = values.Get(SampleOptions.Normalize, null!) };
            model.Shapes();
        }

        if (values.Find(LearningOptions.LabelSmoothing) is not { } smoothing)
        {
            return model;
        }

        return model.Loss is SoftmaxCrossEntropySpec loss
            ? model with { Loss = loss with { LabelSmoothing = smoothing == 0 ? null : (float)smoothing } }
            : throw new InvalidInputException(
                $"{values.Place(LearningOptions.LabelSmoothing)} goes with the loss softmax-cross-entropy; the loss of {model.Name} is {SpecCatalog.NameOf(model.Loss)}.");
    }

    private static ModelSpec ReadLayers(SettingValues values, Surroundings surroundings)
    {
        var (model, name) = values.Origin(CommonOptions.Model) == SettingOrigin.ConfigFile && values.File?.Model is { } written
            ? (written, written.Name)
            : (null, values.Get(CommonOptions.Model, CommonOptions.DefaultModel));
        if (model is null && name == CommonOptions.MultiLayer)
        {
            return ModelCatalog.MultiLayer(
                name,
                values.Get(CommonOptions.Hidden, DefaultHidden),
                values.Get(CommonOptions.Activation, "relu") switch { "sigmoid" => new SigmoidSpec(), "tanh" => new TanhSpec(), _ => new ReluSpec() },
                Enum.Parse<InitializerKind>(values.Get(CommonOptions.Initializer, "he"), ignoreCase: true),
                values.Get(CommonOptions.BatchNorm, false),
                (float?)values.Find(CommonOptions.Dropout));
        }

        foreach (var setting in CommonOptions.OfMultiLayer)
        {
            // What a variable or a file says for every run may not concern this one; what the command line says was meant.
            if (values.Origin(setting) == SettingOrigin.CommandLine)
            {
                throw new InvalidInputException($"{setting.Name} goes with --model {CommonOptions.MultiLayer}; the model is {name}.");
            }
        }

        return model ?? (name.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? ReadModelFile(surroundings.Resolve(name)) : ModelCatalog.Get(name));
    }

    /// <summary>Finds and loads the data, and holds out what is to be.</summary>
    /// <exception cref="InvalidInputException">It cannot be had, or is too small for that.</exception>
    public async Task<ResolvedDataset> LoadAsync(Surroundings surroundings, CancellationToken cancellation) =>
        (await surroundings.Load(DatasetName, DataDirectory, cancellation).ConfigureAwait(false)).HoldOut(Holdout);

    /// <summary>The run's specification, now that its data is there.</summary>
    /// <param name="dataset">From <see cref="LoadAsync"/>.</param>
    /// <exception cref="InvalidInputException">The data is not what the run was made with, or the model does not fit it.</exception>
    public RunSpec ToSpec(Dataset dataset)
    {
        if (ExpectedDataset is { } expected && expected.Digest != dataset.Digest)
        {
            throw new InvalidInputException(
                $"The configuration's run was made with dataset {expected.Name} of digest {expected.Digest}, but here {dataset.Name} has {dataset.Digest}. "
                + "Name the right data with --data DIR, or choose this data on purpose with --dataset.");
        }

        return ToSpec(DatasetSpec.Of(dataset) with { Holdout = Holdout });
    }

    /// <summary>The specification of a run that was made, as its run.json says; null if it does not say with which data.</summary>
    /// <exception cref="InvalidInputException">Something in it does not fit.</exception>
    public RunSpec? ToRecordedSpec() => ExpectedDataset is { } data ? ToSpec(data) : null;

    private RunSpec ToSpec(DatasetSpec data)
    {
        var spec = new RunSpec(Model, data, Optimizer, BatchSize, Shards, Seed, Epochs, Steps, NumericsRevision, Augmentation, EvaluateEvery);
        spec.Validate();
        return spec;
    }

    private static HoldoutSpec? ReadHoldout(SettingValues values, ulong seed)
    {
        if (values.Find(CommonOptions.Holdout) is { } fraction)
        {
            return new HoldoutSpec(fraction, values.Get(CommonOptions.HoldoutSeed, seed));
        }

        // What a variable says for every run may not concern this one; what the command line says was meant.
        return values.Origin(CommonOptions.HoldoutSeed) == SettingOrigin.CommandLine
            ? throw new InvalidInputException($"{CommonOptions.HoldoutSeed.Name} goes with {CommonOptions.Holdout.Name}, which says what fraction is held out.")
            : null;
    }

    private static AugmentationSpec? ReadAugmentation(SettingValues values)
    {
        var augmentation = new AugmentationSpec(
            values.Get(SampleOptions.AugmentShift, 0), (float)values.Get(SampleOptions.AugmentRotation, 0d), values.Get(SampleOptions.AugmentFlip, false));
        return augmentation == new AugmentationSpec() ? null : augmentation;
    }

    private static (int? Epochs, long? Steps) ReadDuration(SettingValues values)
    {
        var (epochsFrom, stepsFrom) = (values.Origin(CommonOptions.Epochs), values.Origin(CommonOptions.Steps));
        if (epochsFrom == SettingOrigin.Default && stepsFrom == SettingOrigin.Default)
        {
            return (CommonOptions.DefaultEpochs, null);
        }

        if (epochsFrom == stepsFrom)
        {
            throw new InvalidInputException(
                $"{values.Place(CommonOptions.Epochs)} and {values.Place(CommonOptions.Steps)} both say how long to train; give one of the two.");
        }

        return epochsFrom > stepsFrom ? (values.Find(CommonOptions.Epochs), null) : (null, values.Find(CommonOptions.Steps));
    }

    private static OptimizerSpec ReadOptimizer(SettingValues values)
    {
        var name = values.Get(CommonOptions.Optimizer, CommonOptions.DefaultOptimizer);
        // Constants in a file belong to the file's optimizer: another one does not inherit them.
        var fileIsOfAnother = values.File?.Values.TryGetValue(CommonOptions.Optimizer.Key, out var inFile) == true && inFile.Text != name;
        var optimizer = new OptimizerSpec(
            name,
            Find(CommonOptions.LearningRate) ?? OptimizerSpec.DefaultLearningRate(name),
            Find(CommonOptions.Momentum),
            Find(CommonOptions.Alpha),
            Find(CommonOptions.Beta1),
            Find(CommonOptions.Beta2),
            Find(CommonOptions.Epsilon));
        return LearningOptions.Complete(optimizer, values, fileCounts: !fileIsOfAnother);

        double? Find(Setting<double> setting) =>
            fileIsOfAnother && values.Origin(setting) == SettingOrigin.ConfigFile ? null : values.Find(setting);
    }

    private static ModelSpec ReadModelFile(string path)
    {
        try
        {
            return SpecJson.ReadModel(File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"The model file {path} cannot be read: {e.Message}", e);
        }
    }
}
