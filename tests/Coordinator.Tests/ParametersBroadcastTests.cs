using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Coordinator.Tests;

public sealed class ParametersBroadcastTests : IDisposable
{
    private readonly ParametersBroadcast _broadcast = new(1);
    private readonly WorkerConnection _slow = new(new WorkerInfo(1, "host", 1, 1, 0, "build", "peer", "name"));

    public void Dispose() => _slow.Dispose();

    [Fact]
    public void Leave_EverybodyHasThem_TheNextVersionIsTheSameMessagesWithoutACopy()
    {
        using var state = State();
        var first = _broadcast.Messages(0, state);
        _slow.Outbox.SendParameters(first);
        foreach (var message in _slow.Outbox.Drain())
        {
            Assert.Contains(message, first);
        }

        _broadcast.Leave([_slow]);
        state.Parameters.Values.Fill(2);
        var second = _broadcast.Messages(1, state);

        Assert.Same(first, second);
        Assert.Equal(1UL, second[0].Parameters.Version);
        AssertAre(2, second);
        Assert.Same(second, _broadcast.Messages(1, state));
    }

    /// <summary>Row N12: the state goes on while a worker has not read the version before, nor begun to.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Leave_SomebodyIsStillBeingSentThem_GetsTheOldOnesToTheEnd(int read)
    {
        using var state = State();
        state.Parameters.Values.Fill(1);
        _slow.Outbox.SendParameters(_broadcast.Messages(0, state));
        using var drain = _slow.Outbox.Drain().GetEnumerator();
        var received = new List<CoordinatorMessage>();
        for (var i = 0; i < read; i++)
        {
            Assert.True(drain.MoveNext());
            received.Add(drain.Current);
        }

        for (var version = 1; version < 4; version++)
        {
            _broadcast.Leave([_slow]);
            state.Parameters.Values.Fill(1 + version);
            AssertAre(1 + version, _broadcast.Messages(version, state));
        }

        while (drain.MoveNext())
        {
            received.Add(drain.Current);
        }

        Assert.Equal(0UL, received[0].Parameters.Version);
        AssertAre(1, received);
    }

    [Fact]
    public void End_TheStateIsGone_MessagesAreReadable()
    {
        IReadOnlyList<CoordinatorMessage> messages;
        using (var state = State())
        {
            state.Parameters.Values.Fill(3);
            messages = _broadcast.Messages(0, state);
            _broadcast.End();
            state.Parameters.Values.Clear();
        }

        AssertAre(3, messages);
    }

    /// <summary>Of three chunks.</summary>
    private static TrainingState State() => new(
        new RunSpec(
            new ModelSpec("any", [1], [new AffineSpec(Protocol.ChunkBytes * 5 / 4 / sizeof(float))]),
            new DatasetSpec("any", "", TrainCount: 4, TestCount: 4, SampleSize: 1, ClassCount: 1),
            new OptimizerSpec("sgd", 0.1),
            BatchSize: 4,
            ShardCount: 1,
            Seed: 1,
            Steps: 1),
        VectorKernels.Best);

    private static void AssertAre(float value, IReadOnlyList<CoordinatorMessage> messages)
    {
        var bytes = messages.Skip(1).SelectMany(message => message.Chunk.Data).ToArray();
        Assert.Equal(messages[0].Parameters.LengthBytes, (ulong)bytes.Length);
        Assert.Equal(messages[0].Parameters.Checksum, Checksum.Of(bytes));
        Assert.All(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes).ToArray(), element => Assert.Equal(value, element));
    }
}
