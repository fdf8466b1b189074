using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Views;

/// <summary>For programs: one JSON object per line on standard output.</summary>
public sealed class JsonView(Surroundings surroundings) : IRunView
{
    private bool _isTorn;

    /// <inheritdoc/>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public void Show(RunEvent happened)
    {
        // What was written of a line that could not be written whole must not spoil the next one.
        var line = (_isTorn ? "\n" : "") + happened.ToJson();
        _isTorn = true;
        surroundings.Output.WriteLine(line);
        surroundings.Output.Flush();
        _isTorn = false;
    }

    /// <inheritdoc/>
    public void Warn(string line) => surroundings.Tell(line);

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
