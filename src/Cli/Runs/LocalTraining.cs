using DistTrain.Cli.Verbs;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>Training in this process: no server, no port.</summary>
public static class LocalTraining
{
    /// <summary>Trains.</summary>
    /// <param name="context">The run.</param>
    /// <param name="threads">To compute with.</param>
    /// <param name="call">For the clock and the wish to stop.</param>
    public static TrainingState Run(RunContext context, int threads, VerbCall call)
    {
        context.Reporter.Start(address: null, join: null);
        using var inbox = new SessionInbox();
        using var stopping = call.Stop.Token.Register(() => inbox.Post(SessionEvent.StopAsked()));
        var interval = context.Checkpoints.Interval;
        using var saving = interval == TimeSpan.MaxValue
            ? null
            : call.Surroundings.Time.CreateTimer(_ => inbox.Post(SessionEvent.SaveAsked()), null, interval, interval);
        var options = new TrainerOptions
        {
            From = context.From,
            Recorder = context.Run.Journal,
            CheckpointSteps = context.Checkpoints.Steps,
            Inbox = inbox,
        };
        return Trainer.Run(context.Spec, context.Dataset, threads, context.Reporter, options: options);
    }
}
