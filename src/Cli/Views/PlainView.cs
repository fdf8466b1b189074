using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Views;

/// <summary>For logs and pipes: one plain line per interval and per thing worth a line.</summary>
public sealed class PlainView(Surroundings surroundings) : IRunView
{
    /// <inheritdoc/>
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public void Show(RunEvent happened)
    {
        // That a checkpoint was written as it should be is in the metrics; at every hundredth step it would bury the rest.
        // That the run waits is a warning of the log, which standard error shows.
        if (happened is CheckpointDone { Reason: null } or WorkerChanged { What: "waiting" })
        {
            return;
        }

        surroundings.Output.WriteLine(EventText.Of(happened));
        surroundings.Output.Flush();
    }

    /// <inheritdoc/>
    public void Warn(string line) => surroundings.Tell(line);

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
