using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>What judging a partial needs to know of a run; for any thread.</summary>
internal interface IRunFacts
{
    /// <summary>Which coordinator this is.</summary>
    ulong Incarnation { get; }

    /// <summary>Elements of the model's gradient.</summary>
    int ParameterCount { get; }

    /// <summary>Where received partials are put.</summary>
    PartialPools Pools { get; }

    /// <summary>Whether partials of several workers are compared.</summary>
    bool IsAuditing { get; }

    /// <summary>The round being computed; null before the first.</summary>
    Round? CurrentRound { get; }

    /// <summary>A fine clock.</summary>
    TimeProvider Time { get; }

    /// <summary>Whether everything in a partial is finite.</summary>
    bool IsFinite(Partial partial);
}

/// <summary>A run as those see it who read what workers send; for any thread.</summary>
internal interface IRunIntake : IRunFacts
{
    /// <summary>Tells the run something; waits while it has much to do.</summary>
    /// <returns>False if the run is over and nobody listens.</returns>
    ValueTask<bool> TellAsync(RunInput input);
}
