using DistTrain.Core.Training;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Coordinator.Tests;

public sealed class RunConductorTests
{
    private static readonly RunSpec Spec = OneWeightRun.Spec(shards: 1);

    /// <summary>Whoever stops the process does not wait for ever: a step that takes longer than its time is left for later.</summary>
    [Fact]
    public void Stop_WhileAStepTakesLong_EndsWithoutIt()
    {
        var time = new FakeTimeProvider();
        var options = new CoordinatorOptions { DeadTime = TimeSpan.FromSeconds(60), HeartbeatInterval = TimeSpan.FromSeconds(20) };
        var conductor = new RunConductor(new ConductorSetup(Spec, options, Incarnation: 1, From: null, Recorder: null, null, null, NullLogger.Instance, time));
        using var connection = new WorkerConnection(new WorkerInfo(1, "host", 1, 1, 256, "", "peer", "name"));
        conductor.Take(new RunInput.Attached(connection));
        conductor.Take(new RunInput.Ready(connection));
        Assert.NotNull(connection.Lease);
        conductor.Take(new RunInput.Control(ControlVerb.Stop, new TaskCompletionSource<ControlReply>()));

        var waited = TimeSpan.Zero;
        Assert.Throws<OperationCanceledException>(() =>
        {
            while (waited < TimeSpan.FromSeconds(60))
            {
                time.Advance(conductor.TickLength);
                waited += conductor.TickLength;
                conductor.Take(RunInput.Tick.Instance);
            }
        });

        Assert.InRange(waited, options.StopDeadline, options.StopDeadline + TimeSpan.FromSeconds(0.2));
        Assert.True(options.StopDeadline + options.GoodbyeDeadline < CoordinatorOptions.StopGrace);
        conductor.State.Dispose();
    }

    /// <summary>With --audit 1 a single worker may decide nothing: nothing goes on, and that has a deadline like every wait.</summary>
    [Fact]
    public void Take_NobodyForTheSecondOpinion_GivesUpAfterTheStartTimeout()
    {
        var time = new FakeTimeProvider();
        var options = new CoordinatorOptions { AuditShare = 1, StartTimeout = TimeSpan.FromSeconds(7), DeadTime = TimeSpan.FromSeconds(60), HeartbeatInterval = TimeSpan.FromSeconds(20) };
        var conductor = new RunConductor(new ConductorSetup(Spec, options, Incarnation: 1, From: null, Recorder: null, null, null, NullLogger.Instance, time));
        using var connection = new WorkerConnection(new WorkerInfo(1, "host", 1, 1, 256, "", "peer", "name"));
        conductor.Take(new RunInput.Attached(connection));
        conductor.Take(new RunInput.Ready(connection));
        var lease = Assert.NotNull(connection.Lease);
        var partial = conductor.State.Pools.Training.Rent();
        (partial.Node, partial.SampleCount) = (new ShardRange(0, 1), 4);
        partial.Gradient.Span.Clear();
        conductor.Take(new RunInput.PartialArrived(connection, lease.Id, lease.Round, partial, IsFinite: true, Fingerprint: 1, TimeSpan.Zero));

        var waited = TimeSpan.Zero;
        var failure = Assert.Throws<NotEnoughWorkersException>(() =>
        {
            while (waited < TimeSpan.FromSeconds(60))
            {
                time.Advance(conductor.TickLength);
                waited += conductor.TickLength;
                conductor.Take(RunInput.Tick.Instance);
            }
        });

        Assert.Contains("another worker", failure.Message, StringComparison.Ordinal);
        Assert.InRange(waited.TotalSeconds, 6.9, 7.2);
        conductor.State.Dispose();
    }
}
