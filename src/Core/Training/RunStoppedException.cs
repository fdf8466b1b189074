namespace DistTrain.Core.Training;

/// <summary>The run was asked to stop, and its state is durable: it can be started again from there. The message is for the user.</summary>
/// <param name="stepsDone">The steps behind the checkpoint.</param>
public sealed class RunStoppedException(long stepsDone)
    : OperationCanceledException(FormattableString.Invariant($"Stopped after step {stepsDone}, with a durable checkpoint."))
{
    /// <summary>The steps behind the checkpoint.</summary>
    public long StepsDone { get; } = stepsDone;
}
