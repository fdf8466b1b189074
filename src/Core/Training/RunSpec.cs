using System.Text.Json.Serialization;
using DistTrain.Core.Data;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;

namespace DistTrain.Core.Training;

/// <summary>One training. Two equal specs give equal bits, whoever computes them.</summary>
/// <param name="Model">The network.</param>
/// <param name="Dataset">What it learns.</param>
/// <param name="Optimizer">How it learns.</param>
/// <param name="BatchSize">Samples per step, over all workers; at least 1.</param>
/// <param name="ShardCount">Shards per step, S, at least 1; never derived from workers, threads or hardware.</param>
/// <param name="Seed">Of every random number in the run.</param>
/// <param name="Epochs">How long to train; null if <paramref name="Steps"/> says it.</param>
/// <param name="Steps">How long to train; null if <paramref name="Epochs"/> says it.</param>
/// <param name="NumericsRevision">Which contract of bits: <see cref="CurrentNumericsRevision"/>.</param>
/// <param name="Augmentation">How the images of a training step are moved; null for not at all.</param>
/// <param name="EvaluateEvery">
/// When the test set is evaluated, besides at the end: after every so many steps; 0 for at the end only; null (the default) for after each epoch.
/// It moves no bit of the parameters.
/// </param>
public sealed record RunSpec(
    ModelSpec Model,
    DatasetSpec Dataset,
    OptimizerSpec Optimizer,
    int BatchSize,
    int ShardCount,
    ulong Seed,
    int? Epochs = null,
    long? Steps = null,
    int NumericsRevision = RunSpec.CurrentNumericsRevision,
    AugmentationSpec? Augmentation = null,
    long? EvaluateEvery = null)
{
    /// <summary>Raised only with a page in docs/decisions/ that says why bits changed.</summary>
    public const int CurrentNumericsRevision = 1;

    /// <summary>More shards than this are a mistake: each costs a partial.</summary>
    public const int MaximumShardCount = 4096;

    /// <summary>Images per evaluation shard: small enough to balance over workers, large enough for fast products.</summary>
    private const int SamplesPerEvaluationShard = 500;

    /// <summary>Elements under which the statistics of a shard are poor.</summary>
    private const int RecommendedStatistic = 16;

    /// <summary>Steps in one pass over the training set.</summary>
    [JsonIgnore]
    public int StepsPerEpoch => Sampler.StepsPerEpoch(Dataset.TrainCount, BatchSize);

    /// <summary>Steps of the whole run.</summary>
    [JsonIgnore]
    public long TotalSteps => Steps ?? (long)Epochs!.Value * StepsPerEpoch;

    /// <summary>Shards of an evaluation over the test set; fixed by the dataset alone.</summary>
    [JsonIgnore]
    public int EvaluationShardCount => EvaluationShardCountOf(Dataset.TestCount);

    /// <summary>Shards of an evaluation over so many samples, at least one.</summary>
    public static int EvaluationShardCountOf(int samples) => ((samples - 1) / SamplesPerEvaluationShard) + 1;

    /// <summary>Refuses a model that does not take a dataset's samples, or does not give a score for each of its classes.</summary>
    /// <exception cref="InvalidInputException">It does not; the message names both.</exception>
    public static void RequireFit(ModelSpec model, DatasetSpec dataset)
    {
        var shapes = model.Shapes();
        dataset.RequireFit(model.Name, shapes[0]);
        if (shapes[^1].Size != dataset.ClassCount)
        {
            throw new InvalidInputException($"Model {model.Name} gives {shapes[^1].Size} scores, but {dataset.Name} has {dataset.ClassCount} classes.");
        }
    }

    /// <summary>Whether the test set is evaluated after that many steps: as <see cref="EvaluateEvery"/> says, and at the end.</summary>
    public bool EvaluationIsDue(long stepsDone) => stepsDone > 0 && (stepsDone == TotalSteps || EvaluateEvery switch
    {
        null => stepsDone % StepsPerEpoch == 0,
        0 => false,
        { } every => stepsDone % every == 0,
    });

    /// <summary>The fewest elements that a statistic of batch normalisation is over, in any shard of any step; null without one.</summary>
    private long? SmallestStatistic => Model.Chain().SmallestStatisticSize is { } size
        ? size * Math.Min(SmallestShard(Math.Min(BatchSize, Dataset.TrainCount)), SmallestShard(((Dataset.TrainCount - 1) % BatchSize) + 1))
        : null;

    /// <summary>What is allowed but seldom meant, for people to read.</summary>
    public IEnumerable<string> Warnings() => SmallestStatistic is < RecommendedStatistic and var statistic
        ? [$"The statistics of batch normalisation are those of a shard, and some have {statistic} elements only: fewer shards (--shards) or a larger batch make them steadier."]
        : [];

    /// <summary>Refuses other data than the run was made for.</summary>
    /// <exception cref="InvalidInputException">The digests differ.</exception>
    public void RequireData(Dataset data)
    {
        if (Dataset.Digest != data.Digest)
        {
            throw new InvalidInputException(
                $"The run was made for dataset {Dataset.Name} with digest {Dataset.Digest}, but got {data.Name} with {data.Digest}.");
        }
    }

    /// <summary>The samples of a batch's smallest shard that is not empty.</summary>
    private int SmallestShard(int samples) => Math.Max(1, samples / ShardCount);

    /// <summary>Checks everything that can be checked without the data.</summary>
    /// <exception cref="InvalidInputException">Something is missing, out of range or does not fit.</exception>
    public void Validate()
    {
        if (Model is null || Dataset is null || Optimizer is null)
        {
            throw new InvalidInputException("A run needs model, dataset and optimizer.");
        }

        var chain = Model.Chain();
        Require(chain.ReasonNotToTrain is null, $"Model {Model.Name} cannot be trained: {chain.ReasonNotToTrain}");
        Optimizer.Validate();
        Require(BatchSize >= 1, $"The batch size is {BatchSize}; it must be at least 1.");
        Require(ShardCount is >= 1 and <= MaximumShardCount, $"The shard count is {ShardCount}; it must be from 1 to {MaximumShardCount}.");
        Require(Epochs is null != Steps is null, "A run lasts a number of epochs or a number of steps: give one of the two.");
        Require(Epochs is null or >= 1, $"The number of epochs is {Epochs}; it must be at least 1.");
        Require(Steps is null or (>= 1 and < RandomStream.StepLimit), $"The number of steps is {Steps}; it must be from 1 to {RandomStream.StepLimit - 1}.");
        Require(EvaluateEvery is null or >= 0, $"An evaluation every {EvaluateEvery} steps; it must be every 1 or more, or 0 for at the end only.");
        Require(Dataset.TrainCount >= 1 && Dataset.TestCount >= 1, $"The dataset {Dataset.Name} is empty.");
        Require(Dataset.Holdout is null or { Fraction: > 0 and < 1 }, $"A fraction of {Dataset.Holdout?.Fraction} is held out; it must be above 0 and below 1.");
        Require(TotalSteps < RandomStream.StepLimit, $"{Epochs} epochs are {TotalSteps} steps; there must be fewer than {RandomStream.StepLimit}.");
        Optimizer.Schedule?.ValidateFor(TotalSteps);
        Require(
            NumericsRevision == CurrentNumericsRevision,
            $"The run follows numerics revision {NumericsRevision}, this build {CurrentNumericsRevision}: its bits would differ. Use the build that began it.");
        Dataset.Validate();
        RequireFit(Model, Dataset);
        Augmentation?.Validate(Dataset.SampleShape());
        Require(
            SmallestStatistic is not < 2,
            $"Model {Model.Name} has batch normalisation, whose statistics are those of a shard, and with a batch size of {BatchSize}, {ShardCount} shards and "
            + $"{Dataset.TrainCount} training samples some shard has a single sample, which has no variance. Take fewer shards (--shards) or another batch size.");

        static void Require(bool condition, string message)
        {
            if (!condition)
            {
                throw new InvalidInputException(message);
            }
        }
    }
}
