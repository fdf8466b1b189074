using DistTrain.Transport.Wire;
using Grpc.Core;

namespace DistTrain.Worker;

/// <summary>(5.2) Signs of life.</summary>
internal static class Heartbeat
{
    /// <summary>Sends them until the coordinator no longer answers or knows this worker.</summary>
    /// <param name="client">Speaks over a connection of its own.</param>
    /// <param name="welcome">Who the worker is, and the durations.</param>
    /// <param name="time">Where time comes from.</param>
    /// <param name="cancellation">Nobody wants them any more.</param>
    /// <returns>Why they ended.</returns>
    public static async Task<string> BeatAsync(Training.TrainingClient client, Welcome welcome, TimeProvider time, CancellationToken cancellation)
    {
        var deadTime = TimeSpan.FromMilliseconds(Math.Max(1, welcome.DeadTimeMilliseconds));
        var request = new HeartbeatRequest { Incarnation = welcome.Incarnation, WorkerId = welcome.WorkerId };
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(Math.Max(1, welcome.HeartbeatIntervalMilliseconds)), time);
        var began = time.GetTimestamp();
        var rules = new HeartbeatRules(deadTime, TimeSpan.Zero);
        do
        {
            try
            {
                using var deadline = new CancellationTokenSource(deadTime, time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
                var reply = await client.HeartbeatAsync(request, cancellationToken: either.Token);
                if (rules.Answered(reply.Known, time.GetElapsedTime(began)) is { } unknown)
                {
                    return unknown;
                }
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException && !cancellation.IsCancellationRequested)
            {
                if (rules.Unanswered(time.GetElapsedTime(began)) is { } silent)
                {
                    return silent;
                }
            }
        }
        while (await timer.WaitForNextTickAsync(cancellation));
        return "cancelled";
    }
}
