namespace DistTrain.Worker;

/// <summary>(5.2) When signs of life show that an attachment is over, decided purely.</summary>
/// <param name="deadTime">Of the coordinator.</param>
/// <param name="now">When the attachment began; any clock.</param>
internal sealed class HeartbeatRules(TimeSpan deadTime, TimeSpan now)
{
    private const int SilentDeadTimes = 10;

    private TimeSpan _answered = now;

    /// <summary>There was an answer.</summary>
    /// <param name="isKnown">Whether the coordinator knows this worker.</param>
    /// <param name="now">The time.</param>
    /// <returns>Why the attachment is over; null if it is not.</returns>
    public string? Answered(bool isKnown, TimeSpan now)
    {
        _answered = now;
        return isKnown ? null : "the coordinator does not know this worker any more";
    }

    /// <summary>There was none within the dead-time.</summary>
    /// <returns>Why the attachment is over; null if it is not.</returns>
    public string? Unanswered(TimeSpan now) =>
        now - _answered > deadTime * SilentDeadTimes ? $"the coordinator has not answered for {(now - _answered).TotalSeconds:0} s" : null;
}
