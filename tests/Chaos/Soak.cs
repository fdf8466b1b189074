using System.Diagnostics;
using DistTrain.Cli.Runs;

namespace DistTrain.Chaos;

/// <summary>P14: workers, and now and then the coordinator, killed at random times for a long while.</summary>
/// <param name="Seconds">About how long, without faults.</param>
/// <param name="MeanKillSeconds">Between two kills, on average; the times in between are exponential.</param>
/// <param name="CoordinatorShare">Of the kills that hit the coordinator.</param>
/// <param name="Goodput">The least that is accepted.</param>
internal sealed record Soak(double Seconds, double MeanKillSeconds, double CoordinatorShare, double Goodput)
{
    private const int Workers = 3;

    /// <summary>Kills until the run is done.</summary>
    public async Task RunAsync(RowContext context)
    {
        var calm = await context.Calm.SteadyStepsPerSecondAsync();
        var run = await context.Calm.LastingAsync(Seconds);
        await using var cluster = context.Cluster(run);
        cluster.CoordinatorOptions = ["--checkpoint-every", "2s"];
        await cluster.StartAsync(Workers);
        var first = await cluster.ReachAsync(0);
        var before = ProcessUsage.Of(cluster.Coordinator.Id);
        var began = Stopwatch.GetTimestamp();
        var completed = cluster.Events.FirstAsync("the end of the run", happened => happened is Completed, 0, TimeSpan.FromSeconds((Seconds * 5) + 120));
        while (true)
        {
            var pause = TimeSpan.FromSeconds(-Math.Log(1 - context.Random.NextDouble()) * MeanKillSeconds);
            if (await Task.WhenAny(Task.Delay(pause), completed) == completed || completed.IsCompleted)
            {
                break;
            }

            await KillOneAsync(context, cluster);
        }

        var last = await completed;
        var wall = (last.At - first.At).TotalSeconds;
        await Oracles.JudgeAsync(context, cluster, TimeSpan.FromSeconds(10));
        var steps = run.Steps - ((Progress)first.Event).Step;
        var goodput = steps / (calm * wall);
        context.Notes.Add(FormattableString.Invariant(
            $"{context.Injected} kills really happened in {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s, {context.FiredCount("coordinator")} of the coordinator"));
        context.Notes.Add(FormattableString.Invariant($"goodput {goodput:P1}: {steps} steps in {wall:0.0} s, {calm:0} steps/s without faults in the same sitting"));
        RowContext.Expect(goodput >= Goodput, FormattableString.Invariant($"goodput is {goodput:P1}, {Goodput:P0} are wanted"));
        context.ExpectFired(Math.Max(1, (int)(wall / MeanKillSeconds / 2)));
    }

    private async Task KillOneAsync(RowContext context, Cluster cluster)
    {
        if (context.Random.NextDouble() < CoordinatorShare)
        {
            cluster.Coordinator.Kill();
            await cluster.Coordinator.Exited;
            if (!cluster.Events.All().Any(seen => seen.Event is Completed))
            {
                context.Fired("coordinator");
                await cluster.StartCoordinatorAsync("--resume", "auto");
            }

            return;
        }

        var living = cluster.LivingWorkers;
        if (living.Count > 0)
        {
            living[context.Random.Next(living.Count)].Kill();
            context.Fired("worker");
        }

        cluster.StartWorker();
    }
}
