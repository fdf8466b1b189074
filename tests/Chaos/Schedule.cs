using DistTrain.Cli.Runs;

namespace DistTrain.Chaos;

/// <summary>What happens to the workers of a run.</summary>
internal enum Happening
{
    /// <summary>kill -9, and another starts.</summary>
    Kill,

    /// <summary>SIGSTOP, for a while, and SIGCONT.</summary>
    Stop,

    /// <summary>One more starts.</summary>
    Join,

    /// <summary>SIGTERM.</summary>
    Leave,
}

/// <summary>One thing that happens when a run has come to a step.</summary>
/// <param name="Step">When.</param>
/// <param name="What">What.</param>
/// <param name="Seconds">How long, for a stop.</param>
internal sealed record Scheduled(long Step, Happening What, double Seconds);

/// <summary>Random faults of workers against the base run (<c>--schedules</c>): the same parameters every time.</summary>
internal sealed class Schedule
{
    private const int FewestWorkers = 2;
    private const int MostWorkers = 6;
    private static readonly TimeSpan ReissueBound = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan HangBound = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Reattaching = TimeSpan.FromSeconds(5);

    private readonly RowContext _context;
    private readonly Cluster _cluster;
    private readonly List<ChaosProcess> _stopped = [];
    private readonly HashSet<ChaosProcess> _leaving = [];
    private readonly List<Task> _waking = [];
    private readonly List<(ChaosProcess Worker, TimeSpan At, TimeSpan Lasts, bool IsKill)> _hit = [];

    private Schedule(RowContext context, Cluster cluster) => (_context, _cluster) = (context, cluster);

    /// <summary>From a kill to the shards' next lease.</summary>
    public static Measurements Reissue { get; } = new("kill to re-issue");

    /// <summary>From a kill to the coordinator's word.</summary>
    public static Measurements Noticed { get; } = new("kill to notice");

    /// <summary>From a stop to the shards' next lease.</summary>
    public static Measurements HangReissue { get; } = new("hang to re-issue");

    /// <summary>From a stop to the worker declared dead.</summary>
    public static Measurements HangFound { get; } = new("hang to declared dead");

    /// <summary>Runs one schedule.</summary>
    public static async Task RunAsync(RowContext context)
    {
        var run = await context.Calm.LastingAsync(8);
        var faults = Draw(context.Random, run.Steps);
        await using var cluster = context.Cluster(run);
        var schedule = new Schedule(context, cluster);
        await cluster.StartAsync(1 + context.Random.Next(4));
        foreach (var fault in faults)
        {
            await cluster.ReachAsync(fault.Step);
            await schedule.CauseAsync(fault);
            context.Fired(fault.What.ToString());
        }

        await Task.WhenAll(schedule._waking);
        await schedule.DismissWhoMissedTheEndAsync();
        await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(10));
        schedule.Measure();
        context.ExpectFired(faults.Count);
        context.Notes.Add(string.Join(", ", faults.Select(fault => $"{fault.What} at {fault.Step}")));
    }

    /// <summary>Three to eight faults in the first three quarters of a run.</summary>
    private static IReadOnlyList<Scheduled> Draw(Random random, long steps)
    {
        var kinds = Enum.GetValues<Happening>();
        return
        [
            .. Enumerable.Range(0, 3 + random.Next(6))
                .Select(_ => new Scheduled(random.NextInt64(steps / 20, steps * 3 / 4), kinds[random.Next(kinds.Length)], 0.1 + (random.NextDouble() * 5)))
                .OrderBy(fault => fault.Step),
        ];
    }

    private async Task CauseAsync(Scheduled fault)
    {
        // Who is about to leave may be gone by the time it is hit.
        var victims = _cluster.LivingWorkers.Except(_stopped).Except(_leaving).ToArray();
        switch (fault.What)
        {
            case Happening.Kill:
                var victim = victims.Length > 0 ? Choose(victims) : _cluster.StartWorker();
                _hit.Add((victim, _cluster.Events.Now, ReissueBound, true));
                victim.Kill();
                _cluster.StartWorker();
                break;
            case Happening.Stop:
                if (victims.Length < FewestWorkers)
                {
                    _cluster.StartWorker();
                }

                await StopAsync(victims.Length > 0 ? Choose(victims) : _cluster.StartWorker(), TimeSpan.FromSeconds(fault.Seconds));
                break;
            case Happening.Leave when victims.Length >= FewestWorkers:
                var leaver = Choose(victims);
                _leaving.Add(leaver);
                leaver.Signal(ChaosProcess.SigTerm);
                break;
            default:
                if (victims.Length < MostWorkers)
                {
                    _cluster.StartWorker();
                }

                break;
        }
    }

    private Task StopAsync(ChaosProcess victim, TimeSpan time)
    {
        _hit.Add((victim, _cluster.Events.Now, time, false));
        victim.Signal(ChaosProcess.SigStop);
        _stopped.Add(victim);
        _waking.Add(WakeAsync());
        return Task.CompletedTask;

        async Task WakeAsync()
        {
            await Task.Delay(time);
            if (!victim.Exited.IsCompleted)
            {
                victim.Signal(ChaosProcess.SigContinue);
            }

            _stopped.Remove(victim);
        }
    }

    /// <summary>
    /// Who slept, or was looking for its coordinator again, when the run ended has not heard of it, and rightly goes on looking for minutes: it is
    /// not waited for.
    /// </summary>
    private async Task DismissWhoMissedTheEndAsync()
    {
        var completed = await _cluster.Events.FirstAsync("the end of the run", happened => happened is Completed, 0, TimeSpan.FromMinutes(2));
        foreach (var (worker, at, lasts, isKill) in _hit)
        {
            if (!isKill && !worker.Exited.IsCompleted && at + lasts + Reattaching > completed.At)
            {
                worker.Kill();
            }
        }
    }

    private ChaosProcess Choose(ChaosProcess[] victims) => victims[_context.Random.Next(victims.Length)];

    /// <summary>What the coordinator said after each kill and stop; nothing to re-issue if its worker had delivered just then.</summary>
    private void Measure()
    {
        var lost = _cluster.Events.Workers("lost");
        var reissued = _cluster.Events.Workers("reissued");
        foreach (var (worker, at, lasts, isKill) in _hit)
        {
            // A worker that wakes before its dead-time is not lost, and may be hit again.
            var noticed = lost.Where(seen => seen.Event.ProcessId == worker.Id && seen.At >= at && (isKill || seen.At <= at + lasts)).Select(seen => (TimeSpan?)seen.At).FirstOrDefault();
            var bound = isKill ? ReissueBound : HangBound;
            if (noticed is { } word)
            {
                (isKill ? Noticed : HangFound).Add(word - at);
                RowContext.Expect(word - at <= bound, FormattableString.Invariant($"{worker.Name} was hit and noticed after {(word - at).TotalSeconds:0.00} s"));
            }

            if (reissued.Where(seen => seen.At >= at && seen.At <= at + bound).Select(seen => (TimeSpan?)seen.At).FirstOrDefault() is { } again)
            {
                (isKill ? Reissue : HangReissue).Add(again - at);
            }
        }
    }
}
