using DistTrain.Core.Optimizers;

namespace DistTrain.Cli.Options;

/// <summary>The options of how a run learns, beside the optimizer's own constants: decay, clipping and the course of the learning rate.</summary>
public static class LearningOptions
{
    /// <summary>--weight-decay</summary>
    public static readonly Setting<double> WeightDecay = Settings.Number(
        "--weight-decay", "L2 decay, at least 0: part of the gradient, but of the update in adamw and lamb. Default none, 0.01 for adamw/lamb.", x => x >= 0, "of at least 0");

    /// <summary>--l1</summary>
    public static readonly Setting<double> L1 = Settings.Number(
        "--l1", "L1 decay, at least 0: the gradient plus so much of the parameters' sign. Default none.", x => x >= 0, "of at least 0");

    /// <summary>--clip-norm</summary>
    public static readonly Setting<double> ClipNorm = Settings.Number(
        "--clip-norm", "Longest gradient, above 0: a longer one, over all parameters, is scaled down to it. Default none.", x => x > 0, "above 0");

    /// <summary>--label-smoothing</summary>
    public static readonly Setting<double> LabelSmoothing = Settings.Number(
        "--label-smoothing", "Share of each label spread over all classes in training, in [0, 1); a part of the model's loss. Default none.", x => x is >= 0 and < 1, "of at least 0 and below 1");

    /// <summary>--schedule</summary>
    public static readonly Setting<string> Schedule = Settings.Name(
        "--schedule", $"Course of the learning rate: {string.Join(", ", ScheduleSpec.Kinds)}. Default constant.", ScheduleSpec.Kinds);

    /// <summary>--warmup-steps</summary>
    public static readonly Setting<long> WarmupSteps = Settings.Integer(
        "--warmup-steps", "Steps over which the learning rate rises linearly to --lr, before any schedule, at least 1. Default none.", 1);

    /// <summary>--decay-steps</summary>
    public static readonly Setting<long> DecaySteps = Settings.Integer(
        "--decay-steps", "After the warm-up: steps between two falls of step, which needs it, or to the end of cosine. At least 1. Default for cosine the rest of the run.", 1);

    /// <summary>--gamma</summary>
    public static readonly Setting<double> Gamma = Settings.Number(
        "--gamma", "Factor at each fall of --schedule step, above 0 and at most 1. Default 0.1.", x => x is > 0 and <= 1, "above 0 and at most 1");

    /// <summary>--min-lr</summary>
    public static readonly Setting<double> MinimumLearningRate = Settings.Number(
        "--min-lr", "Learning rate at the end of --schedule cosine, from 0 to --lr. Default 0.", x => x >= 0, "of at least 0");

    /// <summary>All of them, in the order of the help.</summary>
    public static readonly IReadOnlyList<Setting> All = [WeightDecay, L1, ClipNorm, LabelSmoothing, Schedule, WarmupSteps, DecaySteps, Gamma, MinimumLearningRate];

    /// <summary>The optimizer's specification with what these options say of it, not yet checked.</summary>
    /// <param name="optimizer">Its name and constants.</param>
    /// <param name="values">The options.</param>
    /// <param name="fileCounts">Whether what a configuration file says belongs to this optimizer.</param>
    public static OptimizerSpec Complete(OptimizerSpec optimizer, SettingValues values, bool fileCounts)
    {
        var kind = fileCounts || values.Origin(Schedule) != SettingOrigin.ConfigFile ? values.FindText(Schedule) : null;
        // A fall's length and factor in a file belong to the file's schedule: another one does not inherit them.
        var fileKind = values.File?.Values.TryGetValue(Schedule.Key, out var inFile) == true ? inFile.Text : null;
        var fileCountsForSchedule = fileCounts && (fileKind is null || fileKind == kind);
        var schedule = new ScheduleSpec(
            Enum.Parse<ScheduleKind>(kind ?? nameof(ScheduleKind.Constant), ignoreCase: true),
            Find(WarmupSteps, fileCounts),
            Find(DecaySteps, fileCountsForSchedule),
            Find(Gamma, fileCountsForSchedule),
            Find(MinimumLearningRate, fileCountsForSchedule));
        return optimizer with
        {
            WeightDecay = Find(WeightDecay, fileCounts),
            L1 = Find(L1, fileCounts),
            ClipNorm = Find(ClipNorm, fileCounts),
            Schedule = kind is null && schedule == new ScheduleSpec(ScheduleKind.Constant) ? null : schedule,
        };

        T? Find<T>(Setting<T> setting, bool fromFile)
            where T : struct => fromFile || values.Origin(setting) != SettingOrigin.ConfigFile ? values.Find(setting) : null;
    }
}
