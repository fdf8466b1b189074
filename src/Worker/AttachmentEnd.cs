namespace DistTrain.Worker;

/// <summary>How an attachment ended.</summary>
/// <param name="Outcome">What the worker ends with; null if it should attach again.</param>
/// <param name="Reason">For the log.</param>
/// <param name="WasWelcome">Whether the coordinator had welcomed the worker.</param>
internal sealed record AttachmentEnd(WorkerOutcome? Outcome, string Reason, bool WasWelcome)
{
    /// <summary>The worker left because it was to.</summary>
    public static AttachmentEnd AskedToStop { get; } = new(new WorkerOutcome(WorkerOutcome.Done, "asked to stop"), "asked to stop", true);
}
