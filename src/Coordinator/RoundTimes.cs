using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>How long rounds take, and so when a lease is late (5.4). Times are those of the <see cref="RunningClock"/>.</summary>
/// <param name="leaseDeadline">A lease is not late before this.</param>
internal sealed class RoundTimes(TimeSpan leaseDeadline)
{
    private const int LateAfterRounds = 4;
    private const double Smoothing = 0.2;

    private readonly TimeSpan[] _usual = new TimeSpan[Enum.GetValues<RoundKind>().Length];
    private RoundKind _kind;

    /// <summary>When the current round began.</summary>
    public TimeSpan Since { get; private set; }

    /// <summary>A round begins.</summary>
    public void Begin(TimeSpan now, RoundKind kind) => (_kind, Since) = (kind, now);

    /// <summary>It is over. What comes before the next one, such as a pause or a wait for workers, makes no lease slow.</summary>
    public void End(TimeSpan now) => _usual[(int)_kind] += (now - Since - _usual[(int)_kind]) * Smoothing;

    /// <summary>After this a lease of the current round is late.</summary>
    public TimeSpan LateAfter
    {
        get
        {
            var rounds = _usual[(int)_kind] * LateAfterRounds;
            return rounds > leaseDeadline ? rounds : leaseDeadline;
        }
    }
}
