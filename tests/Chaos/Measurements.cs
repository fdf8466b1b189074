namespace DistTrain.Chaos;

/// <summary>Times of one kind.</summary>
/// <param name="what">In words.</param>
internal sealed class Measurements(string what)
{
    private readonly List<TimeSpan> _times = [];

    /// <summary>Adds one.</summary>
    public void Add(TimeSpan time) => _times.Add(time);

    /// <summary>The longest; zero if there is none.</summary>
    public TimeSpan Worst => _times.Count == 0 ? TimeSpan.Zero : _times.Max();

    /// <inheritdoc/>
    public override string ToString() => _times.Count == 0
        ? $"{what}: never happened"
        : FormattableString.Invariant($"{what}: {_times.Order().ElementAt(_times.Count / 2).TotalMilliseconds:0} ms (median), {Worst.TotalMilliseconds:0} ms (worst) of {_times.Count}");
}
