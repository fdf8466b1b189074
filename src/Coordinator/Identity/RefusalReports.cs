using System.Net;

namespace DistTrain.Coordinator.Identity;

/// <summary>Tells of refusals, a few of them each second: who knocks a thousand times fills no log. For any thread.</summary>
/// <param name="time">The clock.</param>
/// <param name="tell">Peer and reason.</param>
internal sealed class RefusalReports(TimeProvider time, Action<string, string> tell)
{
    /// <summary>Lines about one address in an <see cref="Interval"/>.</summary>
    public const int MostOfOne = 3;

    /// <summary>Lines about all of them in an <see cref="Interval"/>.</summary>
    public const int Most = 20;

    /// <summary>After which counting begins anew.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly Dictionary<IPAddress, int> _told = [];
    private long _since = time.GetTimestamp();
    private int _all;
    private int _untold;

    /// <summary>Somebody was refused.</summary>
    /// <param name="address">Whose lines are counted.</param>
    /// <param name="peer">As the log shows it.</param>
    /// <param name="reason">Ours: nothing that the peer wrote.</param>
    public void Tell(IPAddress address, string peer, string reason)
    {
        int untold;
        lock (_gate)
        {
            untold = BeginAnew();
            var before = _told.GetValueOrDefault(address);
            if (before >= MostOfOne || _all >= Most)
            {
                _untold++;
                return;
            }

            _told[address] = before + 1;
            _all++;
        }

        tell(peer, untold == 0 ? reason : FormattableString.Invariant($"{reason} ({untold} refusals before this one were not told)"));
    }

    /// <returns>How many were not told since the last line that says so.</returns>
    private int BeginAnew()
    {
        if (time.GetElapsedTime(_since) < Interval)
        {
            return 0;
        }

        var untold = _untold;
        (_since, _all, _untold) = (time.GetTimestamp(), 0, 0);
        _told.Clear();
        return untold;
    }
}
