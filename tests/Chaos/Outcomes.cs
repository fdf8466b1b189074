namespace DistTrain.Chaos;

/// <summary>A row's expectation does not hold.</summary>
internal sealed class RowFailedException(string message) : Exception(message);

/// <summary>A row cannot be run here.</summary>
internal sealed class RowNotRunException(string why) : Exception(why);

/// <summary>How a row ended.</summary>
internal enum RowResult
{
    /// <summary>The fault happened as often as planned, and everything held.</summary>
    Passed,

    /// <summary>Something did not hold, or the fault did not happen.</summary>
    Failed,

    /// <summary>This machine, or this version, lacks what the row needs.</summary>
    NotRun,
}
