using DistTrain.Core.Training;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using RoundKind = DistTrain.Transport.Wire.RoundKind;

namespace DistTrain.Coordinator.Tests;

/// <summary>A worker that leaves anything but partials in the memory that it shares loses its connection, and nothing else happens.</summary>
public sealed class SharedIntakeTests : IDisposable
{
    private const ulong Incarnation = 5;
    private const int WrittenOffset = 384;
    private const int EntriesOffset = 8192;

    private static readonly RunSpec Spec = OneWeightRun.Spec(shards: 4);

    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-intake-").FullName;

    public SharedIntakeTests() => Assert.SkipUnless(RunSegment.IsSupported, "This system shares no memory.");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>A hello may say any number of threads.</summary>
    [Theory]
    [InlineData(1, 3)]
    [InlineData(100, 6)]
    [InlineData(int.MaxValue, 6)]
    public void Share_Threads_GetASlotEachAsFarAsThereAreShards(int threads, int slots)
    {
        using var segment = NewSegment();
        using var connection = NewConnection(1, threads);
        var conductor = Begin(segment, connection, out var worker);
        using (worker)
        {
            Assert.Equal((uint)slots, connection.Shared!.Invitation.Slots);
            conductor.End(failure: null);
            conductor.State.Dispose();
        }
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("too many")]
    [InlineData("before the first")]
    public void Take_DamagedRegion_LosesTheWorkerOnly(string how)
    {
        using var segment = NewSegment();
        using var connection = NewConnection(1);
        var conductor = Begin(segment, connection, out var worker);
        using (worker)
        {
            Damage(how);

            Assert.True(conductor.TakeShared());

            Assert.False(connection.IsMember);
            Assert.True(connection.Aborted.IsCancellationRequested);
            Assert.False(conductor.TakeShared());
            conductor.End(failure: null);
            conductor.State.Dispose();
        }
    }

    /// <summary>In the sums a slot is the coordinator's, even if its owner says that it delivers it once more.</summary>
    [Fact]
    public void Take_SlotThatIsInTheSums_LosesTheWorkerAndCountsItOnce()
    {
        using var segment = NewSegment();
        using var connection = NewConnection(1);
        using var other = NewConnection(2);
        var conductor = Begin(segment, connection, out var worker, other);
        using (worker)
        {
            var (mine, theirs) = (connection.Lease!.Value, other.Lease!.Value);
            Post(worker, mine.Id, mine.Range);
            Post(worker, leaseId: 999, theirs.Range);

            Assert.True(conductor.TakeShared());

            Assert.False(connection.IsMember);
            Assert.Equal(0, conductor.State.StepsDone);
            conductor.End(failure: null);
            conductor.State.Dispose();
        }
    }

    /// <summary>Row D1, of a worker that does not see it: a partial that is the whole sum is looked at here, since no sum would show it.</summary>
    [Fact]
    public void Take_RootThatIsNotFinite_IsNotCommitted()
    {
        using var segment = NewSegment();
        using var connection = NewConnection(1);
        var conductor = Begin(segment, connection, out var worker);
        using (worker)
        {
            var lease = connection.Lease!.Value;
            using (var gradient = worker.Gradient(0, segment.ParameterBuffer()))
            {
                gradient.Span.Fill(float.NaN);
            }

            Post(worker, lease.Id, lease.Range);

            Assert.True(conductor.TakeShared());

            Assert.Equal(new ShardRange(0, Spec.ShardCount), lease.Range);
            Assert.Equal(0, conductor.State.StepsDone);
            Assert.True(connection.Lease!.Value.Id > lease.Id);
            conductor.End(failure: null);
            conductor.State.Dispose();
        }
    }

    private static void Post(WorkerRegion worker, long leaseId, ShardRange node)
    {
        var header = new PartialHeader
        {
            Incarnation = Incarnation,
            LeaseId = (ulong)leaseId,
            Kind = RoundKind.Training,
            FirstShard = (uint)node.Start,
            EndShard = (uint)node.End,
            SampleCount = (uint)node.Count,
            LengthBytes = (ulong)Spec.Model.ParameterLayout().Length * sizeof(float),
            Number = 1,
        };
        Assert.True(worker.TryPost(new WorkerMessage { Partial = header }, slot: -1));
        Assert.True(worker.TryPost(new WorkerMessage { PartialEnd = new PartialEnd { Number = 1, IsFinite = true } }, slot: 0));
    }

    private static WorkerConnection NewConnection(int id, int threads = 1) => new(new WorkerInfo(id, "host", 1, threads, 256, "", "peer", "name"));

    private RunSegment NewSegment() => RunSegment.Create(_directory, Incarnation, Spec.Model.ParameterLayout().Length);

    private static RunConductor Begin(RunSegment segment, WorkerConnection connection, out WorkerRegion worker, WorkerConnection? other = null)
    {
        var conductor = new RunConductor(new ConductorSetup(
            Spec, new CoordinatorOptions { WorkersToStart = other is null ? 1 : 2 }, Incarnation, From: null, Recorder: null, null, null, NullLogger.Instance, TimeProvider.System, segment));
        conductor.Take(new RunInput.Attached(connection));
        conductor.Take(new RunInput.Ready(connection, segment.Nonce.ToArray()));
        if (other is not null)
        {
            conductor.Take(new RunInput.Attached(other));
            conductor.Take(new RunInput.Ready(other));
        }

        var invitation = connection.Shared!.Invitation;
        worker = WorkerRegion.Open(invitation.Path, Incarnation, 1, Spec.Model.ParameterLayout().Length, (int)invitation.Slots);
        return conductor;
    }

    private void Damage(string how)
    {
        var path = Directory.EnumerateFiles(_directory, "*-1").Single();
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        switch (how)
        {
            case "garbage":
                file.Position = EntriesOffset;
                file.Write([16, 0, 0, 0, 255, 255, 255, 255, .. Enumerable.Repeat((byte)255, 16)]);
                SetWritten(1);
                break;
            case "too many":
                SetWritten(long.MaxValue);
                break;
            default:
                SetWritten(-70_000);
                break;
        }

        void SetWritten(long count)
        {
            file.Position = WrittenOffset;
            file.Write(BitConverter.GetBytes(count));
        }
    }
}
