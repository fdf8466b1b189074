namespace DistTrain.Core.Search;

/// <summary>What a trial came to on a rung.</summary>
/// <param name="Trial">Its number.</param>
/// <param name="Rung">From 0.</param>
/// <param name="Steps">Behind its parameters; of a training that failed those it was to do.</param>
/// <param name="ValidationLoss">Mean over the validation samples; null if it failed or is not finite.</param>
/// <param name="ValidationAccuracy">Fraction, 0 to 1; null if it failed.</param>
/// <param name="Failure">Why the training failed; null if it did not.</param>
/// <param name="ParametersSha256">The proof; null if it failed.</param>
public sealed record TrialResult(
    int Trial, int Rung, long Steps, double? ValidationLoss, double? ValidationAccuracy, string? Failure = null, string? ParametersSha256 = null)
{
    /// <summary>Whether it can be ranked by what it learned.</summary>
    public bool IsSound => Failure is null && ValidationLoss is not null && ValidationAccuracy is not null;
}

/// <summary>A training to do next.</summary>
/// <param name="Trial">Which.</param>
/// <param name="Rung">From 0.</param>
/// <param name="Rungs">Of its round.</param>
/// <param name="Steps">Up to so many steps, from its own checkpoint if it has one.</param>
/// <param name="TotalSteps">Of the whole training, if it is not sorted out.</param>
public sealed record TrialRun(Trial Trial, int Rung, int Rungs, long Steps, long TotalSteps);

/// <summary>A line of the table.</summary>
/// <param name="Rank">From 1.</param>
/// <param name="Trial">Which.</param>
/// <param name="Rungs">Of its round.</param>
/// <param name="Result">On the highest rung it has reached.</param>
public sealed record RankedTrial(int Rank, Trial Trial, int Rungs, TrialResult Result);
