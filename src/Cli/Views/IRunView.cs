using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Views;

/// <summary>What whoever started the run sees of it. One at a time owns standard output.</summary>
public interface IRunView : IDisposable
{
    /// <summary>How often to tell it how far the run is.</summary>
    TimeSpan Interval { get; }

    /// <summary>Whether it wants to be told who works on the run: <see cref="ClusterGlance"/>.</summary>
    bool ShowsWorkers => false;

    /// <summary>Shows an event; called by one thread at a time.</summary>
    void Show(RunEvent happened);

    /// <summary>Shows a line of the log, a warning or worse; called by any thread.</summary>
    void Warn(string line);
}
