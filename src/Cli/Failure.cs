using DistTrain.Cli.Operating;
using DistTrain.Cli.Verbs;
using DistTrain.Coordinator;
using DistTrain.Core;
using DistTrain.Core.Training;

namespace DistTrain.Cli;

/// <summary>An exception in the user's terms.</summary>
/// <param name="Reason">What was wrong, where, and what to do; one message, no stack trace.</param>
/// <param name="ExitCode">What the process ends with.</param>
public sealed record Failure(string Reason, int ExitCode)
{
    /// <summary>Whether the message says all there is to say; if not, the log has the stack.</summary>
    public bool IsForeseen { get; private init; } = true;

    /// <summary>Whether it is the training itself that cannot go on, which another attempt would find again.</summary>
    public bool IsOfTraining { get; private init; }

    /// <summary>Translates an exception.</summary>
    public static Failure Of(Exception exception, VerbCall call) => exception switch
    {
        RunStoppedException => new(exception.Message, Cli.ExitCode.Checkpointed),
        OperationCanceledException when call.Stop.ExitCode != 0 => new(
            $"Stopped by {Cli.ExitCode.SignalOf(call.Stop.ExitCode)} before the end.", call.Stop.ExitCode),
        InvalidInputException => new(exception.Message, Cli.ExitCode.WrongUse),
        TrainingFailedException => new(exception.Message, Cli.ExitCode.Failed) { IsOfTraining = true },
        NoCoordinatorException => new(exception.Message, Cli.ExitCode.NotEnoughWorkers),
        RefusedByRunException refused => new(refused.Message, refused.IsFailure ? Cli.ExitCode.Failed : Cli.ExitCode.WrongUse),
        NotEnoughWorkersException => new(exception.Message, Cli.ExitCode.NotEnoughWorkers),
        ChildFailedException child => new(child.Message, child.ExitCode),
        IOException or UnauthorizedAccessException => new($"A file or stream could not be read or written: {exception.Message.ReplaceLineEndings(" ")}", Cli.ExitCode.Failed),
        _ => new(
            $"Something unforeseen went wrong: {exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}"
            + (call.LogPath is { } path ? $" The details are in {path}." : ""),
            Cli.ExitCode.Failed)
        { IsForeseen = false },
    };
}
