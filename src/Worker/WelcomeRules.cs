using DistTrain.Core;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Worker;

/// <summary>What a coordinator's answer to a hello, and its last word, mean to a worker.</summary>
internal static class WelcomeRules
{
    /// <summary>(1.2), (1.3)</summary>
    /// <param name="answer">The first message.</param>
    /// <param name="spec">The run, if the worker is welcome.</param>
    /// <returns>Why it is not; null if it is.</returns>
    public static AttachmentEnd? Judge(CoordinatorMessage answer, out RunSpec? spec)
    {
        spec = null;
        switch (answer.KindCase)
        {
            case CoordinatorMessage.KindOneofCase.Welcome:
                break;
            case CoordinatorMessage.KindOneofCase.Refused:
                var refused = answer.Refused;
                var text = $"refused by the coordinator ({refused.Reason}): {refused.Text}";
                return new AttachmentEnd(refused.Transient ? null : new WorkerOutcome(WorkerOutcome.Refused, text), text, false);
            case CoordinatorMessage.KindOneofCase.RunEnded:
                return Ended(answer.RunEnded);
            default:
                return new AttachmentEnd(null, $"the coordinator's first message was {answer.KindCase}", false);
        }

        if (!Checksum.Of(answer.Welcome).Equals(answer.Welcome.Checksum))
        {
            return new AttachmentEnd(null, "the coordinator's welcome came damaged", false);
        }

        try
        {
            spec = SpecJson.ReadRun(answer.Welcome.RunSpecJson, "the coordinator's run");
            return null;
        }
        catch (InvalidInputException e)
        {
            return new AttachmentEnd(new WorkerOutcome(WorkerOutcome.Refused, e.Message), e.Message, false);
        }
    }

    /// <summary>(6.1)</summary>
    public static AttachmentEnd Ended(RunEnded ended)
    {
        var reason = ended.Outcome == RunOutcome.Completed ? "the run is complete" : $"the run ended: {ended.Reason}";
        var exitCode = ended.Outcome is RunOutcome.Completed or RunOutcome.Stopped ? WorkerOutcome.Done : WorkerOutcome.Failed;
        return new AttachmentEnd(new WorkerOutcome(exitCode, reason), reason, true);
    }
}
