namespace DistTrain.Worker;

/// <summary>How long to wait before the next attempt: growing by a half from 0.1 s to 2 s, each shortened by a random part up to one half, so that many workers do not come at once.</summary>
/// <param name="random">For the random part; uniform in [0, 1).</param>
internal sealed class Backoff(Func<double> random)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(0.1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    /// <summary>Small: who starts together with the coordinator finds it soon after it listens.</summary>
    private const double Growth = 1.5;

    private TimeSpan _next = Shortest;

    /// <summary>The next wait.</summary>
    public TimeSpan Next()
    {
        var wait = _next * (1 - (random() / 2));
        _next = _next * Growth < Longest ? _next * Growth : Longest;
        return wait;
    }

    /// <summary>The last attempt was a success.</summary>
    public void Reset() => _next = Shortest;
}
