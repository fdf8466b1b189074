using DistTrain.Coordinator;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Simulation;

/// <summary>Between one worker's reader and the run: remembers of which incarnation a partial is, and takes safeguards away for the mutation check.</summary>
internal sealed class Intake(World world, SimulatedCoordinator coordinator) : IRunIntake
{
    private ulong _origin;

    /// <inheritdoc/>
    public ulong Incarnation => coordinator.Incarnation;

    /// <inheritdoc/>
    public int ParameterCount => coordinator.ParameterCount;

    /// <inheritdoc/>
    public PartialPools Pools => coordinator.Pools;

    /// <inheritdoc/>
    public bool IsAuditing => coordinator.IsAuditing;

    /// <inheritdoc/>
    public Round? CurrentRound => coordinator.CurrentRound;

    /// <inheritdoc/>
    public TimeProvider Time => coordinator.Time;

    /// <inheritdoc/>
    public bool IsFinite(Partial partial) => coordinator.IsFinite(partial);

    /// <summary>A message is about to be read.</summary>
    public void Prepare(WorkerMessage message)
    {
        if (message.KindCase != WorkerMessage.KindOneofCase.Partial)
        {
            return;
        }

        _origin = message.Partial.Incarnation;
        if (world.Mutation == Mutation.NoIncarnations)
        {
            message.Partial.Incarnation = coordinator.Incarnation;
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> TellAsync(RunInput input) => ValueTask.FromResult(coordinator.Tell(input, input is RunInput.PartialArrived ? _origin : 0));
}
