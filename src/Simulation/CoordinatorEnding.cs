namespace DistTrain.Simulation;

/// <summary>How a coordinator's process came to its end.</summary>
internal enum CoordinatorEnding
{
    /// <summary>It died.</summary>
    Killed,

    /// <summary>It could not start: another holds the run, or the disk fails.</summary>
    NotStarted,

    /// <summary>The run is complete.</summary>
    Completed,

    /// <summary>It was stopped with a checkpoint.</summary>
    Stopped,

    /// <summary>The run failed, for a reason that its faults explain.</summary>
    Failed,
}
