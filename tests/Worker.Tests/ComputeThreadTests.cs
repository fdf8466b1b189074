using System.Collections.Concurrent;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Time.Testing;
using RoundKind = DistTrain.Core.Training.RoundKind;

namespace DistTrain.Worker.Tests;

public sealed class ComputeThreadTests : IComputeListener, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly RunSpec Spec = new(
        ModelCatalog.MultiLayer("small", [4]) with { Input = [6] }, SmallDataset.Spec, new OptimizerSpec("sgd", 0.1f), BatchSize: 7, ShardCount: 4, Seed: 1, Steps: 3);

    private static readonly RunSpec Large = Spec with { Model = ModelCatalog.MultiLayer("large", [300, 300]) with { Input = [6] } };

    private readonly PartialPools _pools = new(Spec.Model.ParameterLayout().Length);
    private readonly BlockingCollection<(Lease Lease, Partial Partial, TimeSpan ComputeTime)> _computed = [];
    private readonly ConcurrentQueue<(ShardRange Node, int Samples, int First)> _advanced = new();
    private readonly ConcurrentQueue<(long Id, ReturnReason Reason)> _returned = new();

    /// <summary>Of a fake clock that moves on with each look, the lease's begin and end are two.</summary>
    [Fact]
    public void Computed_EachPartialOfALease_SaysHowLongTheLeaseTook()
    {
        using var thread = Start(new FakeTimeProvider { AutoAdvanceAmount = TimeSpan.FromSeconds(7) });
        thread.Use(0, thread.RentBuffer());
        thread.Take(Lease(1, new ShardRange(1, 4)));

        foreach (var node in new[] { new ShardRange(1, 2), new ShardRange(2, 4) })
        {
            Assert.True(_computed.TryTake(out var computed, Patience));
            Assert.Equal((1, node, TimeSpan.FromSeconds(7)), (computed.Lease.Id, computed.Partial.Node, computed.ComputeTime));
            computed.Partial.Dispose();
        }
    }

    /// <summary>A gradient of a chunk or more that is final before the rest is told for each partial; what is less, and the first layer, come with the end.</summary>
    [Fact]
    public void Advanced_LayersOfAChunkAndMore_AreToldBeforeTheEnd()
    {
        using var pools = new PartialPools(Large.Model.ParameterLayout().Length);
        using var thread = new ComputeThread(Large, SmallDataset.Dataset, threads: 1, pools, this, TimeProvider.System);
        thread.Use(0, thread.RentBuffer());
        thread.Take(Lease(1, new ShardRange(1, 4)));
        Assert.True(_computed.TryTake(out var first, Patience));
        Assert.True(_computed.TryTake(out var second, Patience));

        // 6-300-300-10: the last layer has 3,010 parameters, the second 90,300, the first 2,100.
        Assert.Equal(
            [(new ShardRange(1, 2), first.Partial.SampleCount, 2_100), (new ShardRange(2, 4), second.Partial.SampleCount, 2_100)],
            _advanced);
        first.Partial.Dispose();
        second.Partial.Dispose();
    }

    /// <summary>(3.1) A lease begins with parameters that are still on their way, and is done when they are verified.</summary>
    [Fact]
    public void Take_ParametersOnTheirWay_ComputesWhenTheyHaveCome()
    {
        using var thread = Start(TimeProvider.System);
        var arrival = Arriving();
        thread.Use(0, thread.RentBuffer(), arrival);
        thread.Take(Lease(1, new ShardRange(0, 4)));
        arrival.Advance(Spec.Model.ParameterLayout().Length);
        Assert.False(_computed.TryTake(out _));

        arrival.Verify();

        Assert.True(_computed.TryTake(out var computed, Patience));
        Assert.Equal(1, computed.Lease.Id);
        computed.Partial.Dispose();
    }

    /// <summary>(4.4) Damaged, found after everything was computed; or newer ones came, or the connection ended, before all had come.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Take_ParametersAreLost_TheLeaseGoesBackAndTheNextIsComputed(bool haveAllCome)
    {
        using var thread = Start(TimeProvider.System);
        var arrival = Arriving();
        thread.Use(0, thread.RentBuffer(), arrival);
        thread.Take(Lease(1, new ShardRange(0, 4)));
        if (haveAllCome)
        {
            arrival.Advance(Spec.Model.ParameterLayout().Length);
        }

        arrival.Lose();
        Assert.True(SpinWait.SpinUntil(() => !_returned.IsEmpty, Patience));
        thread.Use(0, thread.RentBuffer());
        thread.Take(Lease(2, new ShardRange(0, 4)));

        Assert.True(_computed.TryTake(out var computed, Patience));
        Assert.Equal(2, computed.Lease.Id);
        Assert.Equal([(1, ReturnReason.Parameters)], _returned);
        computed.Partial.Dispose();
    }

    /// <summary>What somebody else has delivered is dropped without a word, whatever became of its parameters.</summary>
    [Fact]
    public void Revoke_WhileParametersAreAwaited_NothingIsSaid()
    {
        using var thread = Start(TimeProvider.System);
        var arrival = Arriving();
        thread.Use(0, thread.RentBuffer(), arrival);
        thread.Take(Lease(1, new ShardRange(0, 4)));
        thread.Revoke(1);
        arrival.Lose();
        thread.Use(0, thread.RentBuffer());
        thread.Take(Lease(2, new ShardRange(0, 4)));

        Assert.True(_computed.TryTake(out var computed, Patience));
        Assert.Equal(2, computed.Lease.Id);
        Assert.Empty(_returned);
        computed.Partial.Dispose();
    }

    /// <summary>Row P9: a worker that leaves does not begin what comes meanwhile.</summary>
    [Fact]
    public async Task Take_AfterStop_GoesBack()
    {
        using var thread = Start(TimeProvider.System);
        thread.Use(0, thread.RentBuffer());
        thread.Stop();
        thread.Take(Lease(5, new ShardRange(0, 4)));
        await thread.Idle.WaitAsync(Patience, TestContext.Current.CancellationToken);

        Assert.Equal([(5, ReturnReason.Stopping)], _returned);
        Assert.Empty(_computed);
    }

    public void Dispose()
    {
        _pools.Dispose();
        _computed.Dispose();
    }

    void IComputeListener.Computed(Lease lease, Partial partial, TimeSpan computeTime) => _computed.Add((lease, partial, computeTime));

    bool IComputeListener.TakesPieces => true;

    void IComputeListener.Advanced(Lease lease, Partial partial, int firstElement) => _advanced.Enqueue((partial.Node, partial.SampleCount, firstElement));

    void IComputeListener.Dropped(Lease lease, Partial partial) => partial.Dispose();

    void IComputeListener.Returned(long leaseId, ReturnReason reason) => _returned.Enqueue((leaseId, reason));

    void IComputeListener.Failed(Exception failure) => _computed.CompleteAdding();

    private static ArrivingParameters Arriving() => new(Spec.Model.ParameterLayout().Length);

    private static Lease Lease(long id, ShardRange range) => new(id, 1, new Round(RoundKind.Training, 0, Spec.ShardCount), range);

    private ComputeThread Start(TimeProvider time) => new(Spec, SmallDataset.Dataset, threads: 1, _pools, this, time);
}
