using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using DistTrain.Worker;
using Google.Protobuf;
using RoundKind = DistTrain.Core.Training.RoundKind;

namespace DistTrain.Simulation;

/// <summary>Where all workers of a simulated world compute: with the product's own <see cref="ShardComputation"/>.</summary>
internal sealed unsafe class Laboratory : IDisposable
{
    private const int WrongBit = 0x0010_0000;

    private readonly World _world;
    private readonly PartialPools _pools;
    private readonly ShardComputation _computation;
    private readonly List<Partial> _partials = [];
    private readonly int[] _order = new int[Scenario.Data.Train.Count];

    /// <summary>For one run.</summary>
    public Laboratory(World world)
    {
        _world = world;
        var model = world.Scenario.Spec.Model;
        _pools = new PartialPools(model.ParameterLayout().Length);
        _computation = new ShardComputation(world.Scenario.Spec, VectorKernels.Best, threads: 1, _pools);
    }

    /// <summary>The partials of a lease as messages.</summary>
    public IReadOnlyList<SentPartial> Compute(RunSpec spec, Lease lease, AlignedBuffer<float> parameters, ulong incarnation, WorkerSlot slot)
    {
        _computation.UseParameters(parameters.Pointer);
        _partials.Clear();
        if (lease.Round.Kind == RoundKind.Training)
        {
            var batch = Sampler.Batch(lease.Round.Version, spec.Dataset.TrainCount, spec.BatchSize);
            Sampler.Permutation(spec.Seed, batch.Epoch, _order);
            _computation.ComputeGradients(Scenario.Data.Train, _order, batch, lease.Round.ShardCount, lease.Range, _partials);
        }
        else
        {
            _computation.Evaluate(Scenario.Data.Test, lease.Round.ShardCount, lease.Range, _partials);
        }

        var sent = new List<SentPartial>();
        foreach (var partial in _partials)
        {
            Spoil(partial, slot);
            sent.Add(new SentPartial(Messages(lease, partial, incarnation)));
            _pools.For(lease.Round.Kind).Return(partial);
        }

        return sent;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _computation.Dispose();
        _pools.Dispose();
    }

    private void Spoil(Partial partial, WorkerSlot slot)
    {
        if (slot.NotFinitePartials > 0)
        {
            slot.NotFinitePartials--;
            partial.LossSum = double.NaN;
            _world.Struck(FaultKind.NotFinite, slot);
        }

        if ((slot.IsLiar || slot.IsWrongBuild) && partial.Gradient.Length > 0)
        {
            ref var element = ref partial.Gradient.Span[0];
            element = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(element) ^ WrongBit);
            _world.Struck(slot.IsLiar ? FaultKind.Liar : FaultKind.WrongBuild, slot);
        }
    }

    /// <summary>(4.1) In chunks of any size.</summary>
    private List<WorkerMessage> Messages(in Lease lease, Partial partial, ulong incarnation)
    {
        var bytes = TensorBytes.Of(partial.Gradient).ToArray();
        // One after the other: the number is free again.
        var header = PartialHeaders.Of(incarnation, lease, partial, number: 1);
        var messages = new List<WorkerMessage> { new() { Partial = header } };
        // The models here have no buffers.
        for (var end = bytes.Length; end > 0;)
        {
            var length = Math.Min(end, _world.Dice.Between(60, 200));
            end -= length;
            messages.Add(new WorkerMessage { Chunk = new Chunk { Partial = header.Number, Data = ByteString.CopyFrom(bytes, end, length) } });
        }

        messages.Add(new WorkerMessage { PartialEnd = PartialHeaders.End(header, partial, TimeSpan.Zero) });
        return messages;
    }
}
