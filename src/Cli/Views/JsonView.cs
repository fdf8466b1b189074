using DistTrain.Cli.Runs;

namespace DistTrain.Cli.Views;

/// <summary>For programs: one JSON object per line on standard output.</summary>
public sealed class JsonView(Surroundings surroundings) : IRunView
{
    /// <inheritdoc/>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public void Show(RunEvent happened)
    {
        surroundings.Output.WriteLine(happened.ToJson());
        surroundings.Output.Flush();
    }

    /// <inheritdoc/>
    public void Warn(string line) => surroundings.Error.WriteLine(line);

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
