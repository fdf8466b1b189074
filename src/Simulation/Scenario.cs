using DistTrain.Coordinator;
using DistTrain.Core.Data;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Simulation;

/// <summary>What one seed simulates: the run, the cluster, and which faults strike how often and how long.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Options">How the coordinator deals with workers.</param>
/// <param name="Workers">How many there are when all is well.</param>
/// <param name="LyingWorkers">How many of them compute wrong bits; the first ones.</param>
/// <param name="Faults">Those that strike.</param>
/// <param name="MeanInterval">Between two faults.</param>
/// <param name="FaultyTime">How long faults strike; then everything is healed.</param>
internal sealed record Scenario(
    RunSpec Spec, CoordinatorOptions Options, int Workers, int LyingWorkers, IReadOnlyList<FaultKind> Faults, TimeSpan MeanInterval, TimeSpan FaultyTime)
{
    /// <summary>Inside this many seconds after the healing the run must be complete: twice the longest time that anybody is sent away for, and more than any deadline.</summary>
    public static readonly TimeSpan CompletionBound = TimeSpan.FromSeconds(180);

    private const int TrainCount = 40;
    private const int TestCount = 1001;
    private const int Classes = 3;
    private const int PixelsAside = 2;

    private static readonly ModelSpec Model = new("simulated", [PixelsAside * PixelsAside], [new AffineSpec(5), new SigmoidSpec(), new AffineSpec(Classes)]);

    /// <summary>What all simulated runs learn.</summary>
    public static Dataset Data { get; } = new("simulated", Images(TrainCount, 1), Images(TestCount, 2));

    /// <summary>The known answer that honest builds give.</summary>
    public static byte[] KnownAnswer { get; } = [.. Enumerable.Range(1, 16).Select(i => (byte)i)];

    /// <summary>What a seed simulates.</summary>
    public static Scenario Roll(Dice dice)
    {
        var isAudited = dice.Chance(0.35);
        var workers = dice.Between(isAudited ? 3 : 1, 5);
        var options = new CoordinatorOptions
        {
            WorkersToStart = dice.Between(1, workers),
            MinimumWorkers = dice.Chance(0.3) ? dice.Between(1, Math.Min(2, workers)) : 1,
            AuditShare = !isAudited ? 0 : dice.Chance(0.5) ? 1 : 0.5,
            CheckpointSteps = dice.Pick([0, 1, 2, 3, 5]),
            CheckpointInterval = dice.Chance(0.3) ? TimeSpan.FromSeconds(1) : TimeSpan.MaxValue,
            DeadTime = TimeSpan.FromSeconds(1),
            HeartbeatInterval = TimeSpan.FromSeconds(0.25),
            LeaseDeadline = TimeSpan.FromMilliseconds(dice.Pick([100, 300, 1000])),
            LeaseTimeout = TimeSpan.FromSeconds(10),
            SendDeadline = TimeSpan.FromSeconds(dice.Pick([0.5, 2])),
            HelloDeadline = TimeSpan.FromSeconds(2),
            StartTimeout = TimeSpan.FromSeconds(10),
            GoodbyeDeadline = TimeSpan.FromSeconds(0.5),
        };
        var spec = new RunSpec(
            Model,
            new DatasetSpec(Data.Name, Data.Digest, TrainCount, TestCount, PixelsAside * PixelsAside, Classes),
            new OptimizerSpec(dice.Pick(["adam", "momentum"]), 0.05),
            BatchSize: 16,
            ShardCount: dice.Between(5, 8),
            Seed: (ulong)dice.Between(1, 3),
            Steps: dice.Pick([10, 20, 30, 50]));
        FaultKind[] faults = [.. Enum.GetValues<FaultKind>().Where(_ => dice.Chance(0.4))];
        return new Scenario(
            spec,
            options,
            workers,
            options.AuditShare == 1 && dice.Chance(0.5) ? 1 : 0,
            faults.Length > 0 ? faults : [FaultKind.WorkerCrash],
            dice.Milliseconds(50, 600),
            TimeSpan.FromSeconds(dice.Between(3, 15)));
    }

    /// <summary>What it takes for a mutation to matter.</summary>
    public Scenario With(Mutation mutation) => mutation switch
    {
        Mutation.NoAudit => this with { Options = Options with { AuditShare = 0 } },
        Mutation.UnorderedSums or Mutation.NoDeduplication => this with { Options = Options with { AuditShare = 0 }, LyingWorkers = 0 },
        _ => this,
    };

    private static LabeledImages Images(int count, ulong seed)
    {
        var dice = new Dice(seed);
        var pixels = new byte[count * PixelsAside * PixelsAside];
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)dice.Below(256);
        }

        var labels = new byte[count];
        for (var i = 0; i < count; i++)
        {
            labels[i] = (byte)dice.Below(Classes);
        }

        return new LabeledImages(pixels, labels, PixelsAside, PixelsAside, channels: 1, Classes);
    }
}
