using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Coordinator.Tests;

public sealed class WorkerDeadlinesTests
{
    private static readonly CoordinatorOptions Options = new();
    private static readonly TimeSpan Start = TimeSpan.FromSeconds(100);

    [Fact]
    public void Doomed_SilentForTheDeadTime_IsDead()
    {
        var deadlines = new WorkerDeadlines(Options, Start);
        deadlines.Observe(At(2.8), heard: false, writing: 0);
        Assert.Null(deadlines.Doomed(At(2.8), isAwaited: true));
        deadlines.Observe(At(2.8), heard: true, writing: 0);
        deadlines.Observe(At(5.7), heard: false, writing: 0);
        Assert.Null(deadlines.Doomed(At(5.7), isAwaited: true));

        // A little before the 3 s: noticed within a few ticks, nobody dead is taken for alive after them.
        Assert.Equal("silent for 2.9 s", deadlines.Doomed(At(5.73), isAwaited: false));
    }

    [Fact]
    public void Doomed_OneMessageUnread_IsDroppedAtTheSendDeadline()
    {
        var deadlines = new WorkerDeadlines(Options, Start);
        deadlines.Observe(At(29), heard: true, writing: 7);
        deadlines.Observe(At(58), heard: true, writing: 7);
        Assert.Null(deadlines.Doomed(At(58), isAwaited: false));
        deadlines.Observe(At(59), heard: true, writing: 7);
        Assert.StartsWith("it has not read what it is sent", deadlines.Doomed(At(59), isAwaited: false), StringComparison.Ordinal);

        deadlines.Observe(At(59), heard: true, writing: 8);
        Assert.Null(deadlines.Doomed(At(60), isAwaited: false));
        deadlines.Observe(At(80), heard: true, writing: 0);
        deadlines.Observe(At(100), heard: true, writing: 0);
        Assert.Null(deadlines.Doomed(At(100), isAwaited: false));
    }

    [Fact]
    public void Doomed_LeaseTimeout_OnlyWhileItIsAwaited()
    {
        var deadlines = new WorkerDeadlines(Options, Start);
        deadlines.LeaseGranted(At(5));
        deadlines.Observe(At(605), heard: true, writing: 0);

        Assert.Null(deadlines.Doomed(At(605), isAwaited: false));
        Assert.Equal("it has not delivered its lease for 600 s", deadlines.Doomed(At(605), isAwaited: true));
    }

    [Fact]
    public void BecomesLate_PastTheDeadline_OncePerLease()
    {
        var deadlines = new WorkerDeadlines(Options, Start);
        deadlines.LeaseGranted(At(0));

        Assert.False(deadlines.BecomesLate(At(0.04), Options.LeaseDeadline));
        Assert.True(deadlines.BecomesLate(At(0.05), Options.LeaseDeadline));
        Assert.False(deadlines.BecomesLate(At(9), Options.LeaseDeadline));
        deadlines.LeaseGranted(At(9));
        Assert.True(deadlines.BecomesLate(At(11), Options.LeaseDeadline));
    }

    /// <summary>Row P11: on waking from a minute's stop in the middle of a write, nobody is dead or stuck.</summary>
    [Fact]
    public void Doomed_CoordinatorStoodForAMinute_NobodyIs()
    {
        var time = new FakeTimeProvider();
        var clock = new RunningClock(time, RunningClock.TickLengthFor(Options.DeadTime));
        var deadlines = new WorkerDeadlines(Options, clock.Now);
        deadlines.Observe(clock.Now, heard: true, writing: 1);
        time.Advance(TimeSpan.FromMinutes(1));
        clock.Tick();
        deadlines.Observe(clock.Now, heard: false, writing: 1);

        Assert.Null(deadlines.Doomed(clock.Now, isAwaited: true));
    }

    private static TimeSpan At(double seconds) => Start + TimeSpan.FromSeconds(seconds);
}
