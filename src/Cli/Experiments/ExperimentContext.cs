using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;
using DistTrain.Core.Data;

namespace DistTrain.Cli.Experiments;

/// <summary>What an experiment works with.</summary>
public sealed class ExperimentContext
{
    private readonly ExperimentTraining _training;
    private readonly Action<string> _tell;

    /// <summary>For one experiment.</summary>
    /// <param name="call">For the options, the clock and the wish to stop.</param>
    /// <param name="data">The dataset.</param>
    /// <param name="isQuick"><see cref="IsQuick"/></param>
    /// <param name="tell">Takes a line about each training that is done.</param>
    public ExperimentContext(VerbCall call, Dataset data, bool isQuick, Action<string> tell)
    {
        var workers = call.Values.Get(CommonOptions.Workers, 0);
        Threads = call.Values.Get(CommonOptions.Threads, TrainVerb.DefaultThreads(workers, call.Surroundings.Cores));
        Seed = call.Values.Get(CommonOptions.Seed, CommonOptions.DefaultSeed);
        (Data, IsQuick, _tell, Cancellation) = (data, isQuick, tell, call.Stop.Token);
        _training = new ExperimentTraining(call, workers, Threads, Seed);
    }

    /// <summary>The dataset.</summary>
    public Dataset Data { get; }

    /// <summary>Whether seconds matter more than numbers that mean something: the small setting, as the tests have it.</summary>
    public bool IsQuick { get; }

    /// <summary>Of every random number.</summary>
    public ulong Seed { get; }

    /// <summary>Compute threads of each process.</summary>
    public int Threads { get; }

    /// <summary>Somebody's wish to end it.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Trains, in this process or on workers as the user wishes; the same bits come out. A training that diverges is a result.</summary>
    public async Task<TrainedRun> TrainAsync(TrainingPlan plan)
    {
        var run = await _training.RunAsync(plan).ConfigureAwait(false);
        _tell(run.Failure is null
            ? FormattableString.Invariant($"trained {plan.Label}: {run.StepLosses.Count} updates, loss {run.FinalLoss:0.0000}, test accuracy {run.Epochs[^1].TestAccuracy:P2}")
            : $"{plan.Label}: {run.Failure}");
        return run;
    }

    /// <summary>Several trainings, one after the other.</summary>
    public async Task<IReadOnlyList<TrainedRun>> TrainAsync(IEnumerable<TrainingPlan> plans)
    {
        var runs = new List<TrainedRun>();
        foreach (var plan in plans)
        {
            runs.Add(await TrainAsync(plan).ConfigureAwait(false));
        }

        return runs;
    }

    /// <summary>The first images of the dataset as one of its own; as many as there are, if there are fewer.</summary>
    public Dataset Subset(int train, int test) => new($"{Data.Name}-{train}", First(Data.Train, train), First(Data.Test, test));

    /// <summary>The first <paramref name="count"/> images.</summary>
    public static LabeledImages First(LabeledImages images, int count)
    {
        count = Math.Min(count, images.Count);
        return new LabeledImages(
            images.Pixels[..(count * images.ImageSize)], images.Labels[..count], images.Height, images.Width, images.Channels, images.ClassCount);
    }
}
