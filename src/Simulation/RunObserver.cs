using DistTrain.Coordinator;
using DistTrain.Core.Training;

namespace DistTrain.Simulation;

/// <summary>Hears from a conductor what happens in its run.</summary>
internal sealed class RunObserver(World world, SimulatedCoordinator coordinator, string name) : ITrainingObserver, IClusterObserver
{
    void ITrainingObserver.StepDone(long stepsDone, TrainingState state)
    {
        world.Trace.Add($"{name} has done step {stepsDone}");
        world.Rules.StepDone(stepsDone, state);
    }

    void ITrainingObserver.EvaluationStarted(long stepsDone)
    {
    }

    void ITrainingObserver.EvaluationDone(long stepsDone, TrainingState state) => world.Rules.EvaluationDone(stepsDone, state);

    void IClusterObserver.WorkerJoined(WorkerInfo worker) => world.Trace.Add($"{name}: {worker.Name} joined as {worker.Id}");

    void IClusterObserver.WorkerLost(WorkerInfo worker, string reason)
    {
        world.Trace.Add($"{name}: {worker.Name} is lost: {reason}");
        world.Rules.Lost(reason);
    }

    void IClusterObserver.WorkerLeft(WorkerInfo worker, string reason)
    {
        world.Trace.Add($"{name}: {worker.Name} left: {reason}");
        world.Took(RecoveryBranch.LeftInOrder);
    }

    void IClusterObserver.WorkerRefused(string peer, string reason)
    {
    }

    void IClusterObserver.LeaseReissued(WorkerInfo to, Round round, ShardRange shards)
    {
        world.Trace.Add($"{name}: {shards} of {round.Kind} {round.Version} to {to.Name} too");
        world.Took(coordinator.HasLateLeaseOf(round, shards, to.Id) ? RecoveryBranch.BackupLease : RecoveryBranch.LeaseReissued);
    }

    void IClusterObserver.WorkerCondemned(WorkerInfo worker, string reason, bool isForGood)
    {
        world.Trace.Add($"{name}: {worker.Name} is sent away: {reason}");
        world.Rules.Condemned(worker, isForGood);
    }

    void IClusterObserver.Waiting(string message)
    {
        world.Trace.Add($"{name}: {message}");
        world.Took(RecoveryBranch.WaitedForWorkers);
    }
}
