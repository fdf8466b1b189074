using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Coordinator.Tests;

public sealed class RunReportsTests
{
    private static readonly RunSpec Spec = new(
        ModelCatalog.MultiLayer("small", [4]), new DatasetSpec("small", "", 100, 600, 784, 10), new OptimizerSpec("sgd", 0.1f), BatchSize: 50, ShardCount: 5, Seed: 1, Steps: 9);

    /// <summary>Workers may leave while the last checkpoint is written: the run needs none of them, and must not give up for want of them.</summary>
    [Fact]
    public void WaitsFor_LastCheckpointWithoutWorkers_IsTheDisk()
    {
        var setup = new ConductorSetup(Spec, new CoordinatorOptions(), 1, null, null, null, null, NullLogger.Instance, TimeProvider.System);
        var session = new TrainingSession(Spec, new SessionOptions(Saves: true));
        session.Apply(SessionEvent.StopAsked());
        Assert.Equal(SessionPhase.Saving, session.Phase);
        var reports = new RunReports(setup, session, new Dictionary<int, WorkerConnection>(), new Stragglers(TimeProvider.System));

        Assert.False(reports.IsShortOfWorkers);
        Assert.Contains("waits for the disk", reports.WaitsFor(TimeSpan.Zero), StringComparison.Ordinal);
        Assert.Contains("waits for the disk", reports.Status(TimeSpan.Zero, TimeSpan.Zero).WaitsFor, StringComparison.Ordinal);
    }
}
