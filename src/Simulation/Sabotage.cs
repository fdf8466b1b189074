using DistTrain.Coordinator;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using RoundKind = DistTrain.Core.Training.RoundKind;

namespace DistTrain.Simulation;

/// <summary>Takes safeguards of one coordinator away, by what it lets reader and conductor see. Does nothing without a mutation.</summary>
internal sealed class Sabotage(World world)
{
    private readonly HashSet<ShardRange> _seen = [];
    private float[] _sum = [];
    private Round? _round;
    private int _shards;

    /// <summary>
    /// Before the conductor gets a partial: <see cref="Mutation.NoDeduplication"/> counts it past the session if its node is counted already;
    /// <see cref="Mutation.UnorderedSums"/> lets the last partial of a round bring the sum of all, made in the order of arrival, and the others none.
    /// </summary>
    /// <returns>True if the conductor must not get it.</returns>
    public bool Intercepts(RunInput input, RunConductor conductor, IRunRecorder recorder)
    {
        if (world.Mutation is not (Mutation.NoDeduplication or Mutation.UnorderedSums)
            || input is not RunInput.PartialArrived { IsFinite: true } arrived || !arrived.Connection.IsMember || arrived.Round != conductor.CurrentRound)
        {
            return false;
        }

        if (_round != arrived.Round)
        {
            (_round, _shards, _sum) = (arrived.Round, 0, new float[arrived.Partial.Gradient.Length]);
            _seen.Clear();
        }

        var partial = arrived.Partial;
        if (!_seen.Add(partial.Node))
        {
            return world.Mutation == Mutation.NoDeduplication && CountAgain(arrived, conductor, recorder);
        }

        if (world.Mutation == Mutation.UnorderedSums)
        {
            AddInOrderOfArrival(partial, arrived.Round.ShardCount);
        }

        return false;
    }

    private static bool CountAgain(RunInput.PartialArrived arrived, RunConductor conductor, IRunRecorder recorder)
    {
        if (arrived.Round.Kind == RoundKind.Training)
        {
            recorder.Count(arrived.Round.Version, arrived.Partial.Node, arrived.Connection.Info.Id);
        }

        conductor.State.Add(arrived.Round.Kind, arrived.Partial);
        return true;
    }

    private void AddInOrderOfArrival(Partial partial, int shardCount)
    {
        var gradient = partial.Gradient.Span;
        _shards += partial.Node.Count;
        for (var i = 0; i < gradient.Length; i++)
        {
            _sum[i] += gradient[i];
            gradient[i] = _shards == shardCount ? _sum[i] : 0;
        }
    }
}

/// <summary>Makes every checksum of one worker's partials fit, whatever came: <see cref="Mutation.NoChecksums"/>.</summary>
internal sealed class ChecksumForger
{
    private readonly List<WorkerMessage> _held = [];

    /// <summary>Takes a message.</summary>
    /// <returns>The messages that the reader gets now.</returns>
    public IReadOnlyList<WorkerMessage> Take(WorkerMessage message)
    {
        _held.Add(message);
        if (_held[0].Partial is { } header)
        {
            if (message.PartialEnd is not { } end)
            {
                return [];
            }

            // The models here have no buffers.
            var gradient = new byte[header.LengthBytes];
            var reader = new GradientReader(gradient, gradient.Length);
            _held.ForEach(held => reader.Accept(held.Chunk is { } chunk ? chunk.Data.Span : []));
            end.Checksum = Checksum.Of(header, end, gradient);
        }

        WorkerMessage[] whole = [.. _held];
        _held.Clear();
        return whole;
    }
}
