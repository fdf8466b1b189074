using DistTrain.Core.Training;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;

namespace DistTrain.Worker.Tests;

/// <summary>The worker's end of shared memory where its slots do not suffice.</summary>
public sealed class SharedChannelTests : IDisposable
{
    private const ulong Incarnation = 5;
    private const int Parameters = 100;

    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-channel-").FullName;

    public SharedChannelTests() => Assert.SkipUnless(RunSegment.IsSupported, "This system shares no memory.");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>Asked to leave, a worker finishes its lease: what finds a free place is delivered, and what finds none is not waited for.</summary>
    [Fact]
    public void Deliver_Closed_TakesTheLastSlotIfItIsFreeAndDoesNotWaitForIt()
    {
        using var segment = RunSegment.Create(_directory, Incarnation, Parameters);
        using var region = segment.CreateRegion(workerId: 1, slots: 2);
        using var channel = new SharedChannel(
            RunSegment.Open(segment.FullPath, Incarnation, Parameters),
            new SharedRegion { Path = region.FullPath, Slots = 2 },
            new Welcome { Incarnation = Incarnation, WorkerId = 1 },
            Parameters);
        using var pool = new PartialPool(Parameters);
        channel.Close();

        for (var i = 0; i < 2; i++)
        {
            channel.Deliver(new PartialHeader { LengthBytes = Parameters * sizeof(float), Number = 1 }, new PartialEnd { Number = 1 }, pool.Rent(), pool);
        }

        Assert.True(region.TryTake(out _, out _));
        Assert.True(region.TryTake(out var end, out var slot));
        Assert.Equal((1U, 1), (end.PartialEnd.Number, slot));
        Assert.False(region.TryTake(out _, out _));
    }
}
