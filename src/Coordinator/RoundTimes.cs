using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>How long leases take, and so when one is late (5.4). Times are those of the <see cref="RunningClock"/>.</summary>
/// <param name="leaseDeadline">A lease is not late before this.</param>
internal sealed class RoundTimes(TimeSpan leaseDeadline)
{
    private const int LateAfterLeases = 4;
    private const double Smoothing = 0.2;

    private readonly TimeSpan[] _usual = new TimeSpan[Enum.GetValues<RoundKind>().Length];
    private RoundKind _kind;

    /// <summary>When the current round began.</summary>
    public TimeSpan Since { get; private set; }

    /// <summary>A round begins.</summary>
    public void Begin(TimeSpan now, RoundKind kind) => (_kind, Since) = (kind, now);

    /// <summary>
    /// A lease was delivered, late or not. One that never is says nothing: a worker whose heart beats and who delivers nothing must not
    /// lengthen the time that it is waited for. Neither does what lies between two rounds, a pause or a wait for workers.
    /// </summary>
    public void Delivered(RoundKind kind, TimeSpan took) => _usual[(int)kind] += (took - _usual[(int)kind]) * Smoothing;

    /// <summary>After this a lease of the current round is late.</summary>
    public TimeSpan LateAfter
    {
        get
        {
            var usual = _usual[(int)_kind] * LateAfterLeases;
            return usual > leaseDeadline ? usual : leaseDeadline;
        }
    }
}
