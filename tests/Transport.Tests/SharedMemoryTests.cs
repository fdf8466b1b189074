using DistTrain.Core.Tensors;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Transport.Tests;

/// <summary>The memory that a coordinator shares with workers, seen from both ends in one process: each end has a mapping of its own.</summary>
public sealed unsafe class SharedMemoryTests : IDisposable
{
    private const ulong Incarnation = 77;
    private const int Parameters = 1_000;

    // As the remarks of the region have them.
    private const int WrittenOffset = 384;
    private const int TakenOffset = 448;
    private const int EntriesOffset = 8192;

    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-shared-").FullName;

    public SharedMemoryTests() => Assert.SkipUnless(RunSegment.IsSupported, "This system shares no memory.");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Segment_Opened_ShowsTheSameParametersNonceAndBell()
    {
        using var mine = RunSegment.Create(_directory, Incarnation, Parameters);
        using var theirs = RunSegment.Open(mine.FullPath, Incarnation, Parameters);
        using var parameters = mine.ParameterBuffer();

        parameters.Span[Parameters - 1] = 3;
        theirs.Bell.Ring();

        Assert.Equal(3, theirs.Parameters[Parameters - 1]);
        Assert.NotEqual(new byte[RunSegment.NonceBytes], theirs.Nonce.ToArray());
        Assert.Equal(mine.Nonce.ToArray(), theirs.Nonce.ToArray());
        Assert.Equal(1, mine.Bell.Value);
    }

    /// <summary>A worker that writes wildly must not change everybody's parameters: its mapping of them does not let it.</summary>
    [Fact]
    public void Segment_Opened_LetsAWorkerReadParametersOnly()
    {
        using var mine = RunSegment.Create(_directory, Incarnation, Parameters);
        using var theirs = RunSegment.Open(mine.FullPath, Incarnation, Parameters);

        Assert.Equal(("rw-s", "r--s"), (Permissions(mine.Parameters), Permissions(theirs.Parameters)));

        static string Permissions(float* address)
        {
            foreach (var line in File.ReadLines("/proc/self/maps"))
            {
                var fields = line.Split(' ', '-');
                if ((ulong)address >= Convert.ToUInt64(fields[0], 16) && (ulong)address < Convert.ToUInt64(fields[1], 16))
                {
                    return line.Split(' ')[1];
                }
            }

            return "not mapped";
        }
    }

    [Fact]
    public void Segment_DisposedOfBeforeItsParameters_KeepsThem()
    {
        var segment = RunSegment.Create(_directory, Incarnation, Parameters);
        using var parameters = segment.ParameterBuffer();

        segment.Unlink();
        segment.Dispose();

        parameters.Span.Fill(2);
        Assert.Equal(2, parameters.Span[^1]);
        Assert.Empty(Directory.EnumerateFiles(_directory));
    }

    [Theory]
    [InlineData(Incarnation + 1, Parameters)]
    [InlineData(Incarnation, Parameters + 1)]
    [InlineData(Incarnation, Parameters * 2)]
    public void Segment_OfAnotherRun_IsRefused(ulong incarnation, int parameters)
    {
        using var mine = RunSegment.Create(_directory, Incarnation, Parameters);

        Assert.Throws<IOException>(() => RunSegment.Open(mine.FullPath, incarnation, parameters));
    }

    [Fact]
    public void Segment_FileOfAnotherKind_IsRefused()
    {
        using var mine = RunSegment.Create(_directory, Incarnation, Parameters);
        var path = Path.Combine(_directory, "other");
        File.WriteAllBytes(path, new byte[new FileInfo(mine.FullPath).Length]);

        Assert.Throws<IOException>(() => RunSegment.Open(path, Incarnation, Parameters));
        Assert.Throws<FileNotFoundException>(() => RunSegment.Open(path + "-gone", Incarnation, Parameters));
    }

    [Fact]
    public void Create_DirectoryThatIsNotThere_IsAnIOException() =>
        Assert.ThrowsAny<IOException>(() => RunSegment.Create(Path.Combine(_directory, "none"), Incarnation, Parameters));

    [Fact]
    public void Create_RemovesWhatNobodyHolds_AndNothingElse()
    {
        using var living = RunSegment.Create(_directory, Incarnation, Parameters);
        using var region = living.CreateRegion(workerId: 1, slots: 2);
        var leftover = Path.Combine(_directory, "disttrain-0123456789abcdef-3");
        var foreign = Path.Combine(_directory, "something-else");
        File.WriteAllBytes(leftover, [1]);
        File.WriteAllBytes(foreign, [1]);

        using var next = RunSegment.Create(_directory, Incarnation + 1, Parameters);

        Assert.Equal(
            [.. ((string[])[living.FullPath, region.FullPath, next.FullPath, foreign]).Order(StringComparer.Ordinal)],
            Directory.EnumerateFiles(_directory).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Files_AreForThisUserOnly()
    {
        using var segment = RunSegment.Create(_directory, Incarnation, Parameters);
        using var region = segment.CreateRegion(workerId: 1, slots: 2);

        foreach (var path in (string[])[segment.FullPath, region.FullPath])
        {
            // Memory is shared on Linux only; the analyzer does not know.
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public void Lease_IsTakenOnce_AndTheNewestReplacesOthers()
    {
        using var pair = new Pair(_directory);
        Assert.Null(pair.Worker.TakeLease());

        pair.Coordinator.PutLease(new LeaseGranted { LeaseId = 1, Version = 5 });
        pair.Coordinator.PutLease(new LeaseGranted { LeaseId = 2, Version = long.MaxValue, Kind = RoundKind.Evaluation, ShardCount = 4_000, EndShard = 4_000, FirstShard = 3_999 });

        Assert.Equal(
            new LeaseGranted { LeaseId = 2, Version = long.MaxValue, Kind = RoundKind.Evaluation, ShardCount = 4_000, EndShard = 4_000, FirstShard = 3_999 },
            pair.Worker.TakeLease());
        Assert.Null(pair.Worker.TakeLease());
    }

    /// <summary>Written while it is read, a lease is the old one or the new one, never a mixture.</summary>
    [Fact]
    public void Lease_WrittenWhileRead_IsNeverTorn()
    {
        const ulong Last = 20_000;
        using var pair = new Pair(_directory);
        var writer = new Thread(() =>
        {
            for (var id = 1UL; id <= Last; id++)
            {
                pair.Coordinator.PutLease(new LeaseGranted { LeaseId = id, Version = id, FirstShard = (uint)id, EndShard = (uint)id + 1 });
            }
        });
        writer.Start();
        var seen = 0UL;
        while (seen < Last)
        {
            if (pair.Worker.TakeLease() is { } lease)
            {
                Assert.True(lease.LeaseId > seen);
                Assert.Equal((lease.LeaseId, (uint)lease.LeaseId, (uint)lease.LeaseId + 1), (lease.Version, lease.FirstShard, lease.EndShard));
                seen = lease.LeaseId;
            }
        }

        writer.Join();
    }

    [Fact]
    public void Revoked_NeverGoesBack()
    {
        using var pair = new Pair(_directory);

        pair.Coordinator.Revoke(7);
        pair.Coordinator.Revoke(3);

        Assert.Equal(7, pair.Worker.RevokedThrough);
    }

    [Fact]
    public void Partial_Posted_IsTheCoordinatorsUntilItGivesItBack()
    {
        using var pair = new Pair(_directory);
        using var gradient = pair.Worker.Gradient(1, Nothing.Instance);
        using var seen = pair.Coordinator.Gradient(1, Nothing.Instance);
        gradient.Span.Fill(4);
        Assert.False(pair.Coordinator.TryTake(out _, out _));

        Assert.True(pair.Worker.TryPost(new WorkerMessage { Partial = new PartialHeader { LeaseId = 9 } }, slot: 1));

        Assert.True(pair.Worker.IsDelivered(1));
        Assert.True(pair.Coordinator.TryTake(out var message, out var slot));
        Assert.Equal((9UL, 1), (message.Partial.LeaseId, slot));
        Assert.Equal(4, seen.Span[Parameters - 1]);
        Assert.False(pair.Coordinator.TryTake(out _, out _));
        pair.Coordinator.GiveBack(1);
        Assert.False(pair.Worker.IsDelivered(1));
    }

    [Fact]
    public void Messages_MoreThanThereIsRoomFor_AreNotTakenUntilSomeAreRead()
    {
        using var pair = new Pair(_directory);
        var posted = 0UL;
        while (pair.Worker.TryPost(new WorkerMessage { Partial = new PartialHeader { LeaseId = posted + 1 } }, slot: -1))
        {
            posted++;
        }

        Assert.InRange(posted, 64UL, 1_000UL);
        for (var id = 1UL; id <= posted; id++)
        {
            Assert.True(pair.Coordinator.TryTake(out var message, out var slot));
            Assert.Equal((id, -1), (message.Partial.LeaseId, slot));
        }

        Assert.False(pair.Coordinator.TryTake(out _, out _));
        Assert.True(pair.Worker.TryPost(new WorkerMessage { Partial = new PartialHeader() }, slot: -1));
    }

    /// <summary>What the worker can write to does not lead the coordinator out of the memory, nor round and round in it.</summary>
    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(-3)]
    [InlineData(129)]
    public void Messages_MoreSaidToWaitThanThereIsRoomFor_AreRefused(long written)
    {
        using var pair = new Pair(_directory);
        Write(pair.Coordinator.FullPath, WrittenOffset, written);

        Assert.Throws<InvalidDataException>(() => pair.Coordinator.TryTake(out _, out _));
    }

    [Fact]
    public void Messages_CountOfTakenOverwritten_AreTakenAsBefore()
    {
        using var pair = new Pair(_directory);
        Assert.True(pair.Worker.TryPost(new WorkerMessage { Partial = new PartialHeader { LeaseId = 9 } }, slot: -1));
        Write(pair.Coordinator.FullPath, TakenOffset, -100_000);

        Assert.True(pair.Coordinator.TryTake(out var message, out _));

        Assert.Equal(9UL, message.Partial.LeaseId);
    }

    [Fact]
    public void Messages_DamagedOne_IsRefusedOnceAndTheNextIsTaken()
    {
        using var pair = new Pair(_directory);
        Assert.True(pair.Worker.TryPost(new WorkerMessage { Partial = new PartialHeader { LeaseId = 8 } }, slot: -1));
        Assert.True(pair.Worker.TryPost(new WorkerMessage { Partial = new PartialHeader { LeaseId = 9 } }, slot: -1));
        Write(pair.Coordinator.FullPath, EntriesOffset + sizeof(long), -1);

        Assert.Throws<InvalidProtocolBufferException>(() => pair.Coordinator.TryTake(out _, out _));

        Assert.True(pair.Coordinator.TryTake(out var message, out _));
        Assert.Equal(9UL, message.Partial.LeaseId);
    }

    [Theory]
    [InlineData(Incarnation, 2, Parameters, 3)]
    [InlineData(Incarnation, 1, Parameters, 2)]
    [InlineData(Incarnation, 1, Parameters + 5_000, 3)]
    [InlineData(Incarnation + 1, 1, Parameters, 3)]
    [InlineData(Incarnation, 1, Parameters, WorkerRegion.MaximumSlots + 1)]
    public void Region_OfAnotherWorker_IsRefused(ulong incarnation, int worker, int parameters, int slots)
    {
        using var segment = RunSegment.Create(_directory, Incarnation, Parameters);
        using var region = segment.CreateRegion(workerId: 1, slots: 3);

        Assert.Throws<IOException>(() => WorkerRegion.Open(region.FullPath, incarnation, worker, parameters, slots));
        Assert.False(region.IsAttached);
    }

    [Fact]
    public void Region_DisposedOf_LeavesNoFile_AndTheOtherEndKeepsItsMemory()
    {
        using var segment = RunSegment.Create(_directory, Incarnation, Parameters);
        var mine = segment.CreateRegion(workerId: 1, slots: 3);
        using var theirs = WorkerRegion.Open(mine.FullPath, Incarnation, 1, Parameters, 3);

        mine.Dispose();

        Assert.Equal([segment.FullPath], Directory.EnumerateFiles(_directory));
        using var gradient = theirs.Gradient(2, Nothing.Instance);
        gradient.Span.Fill(1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Bell_RungByAnotherThread_WakesWhoeverWaits(bool spins)
    {
        const int Rounds = 2_000;
        using var there = new Doorbell(spins);
        using var back = new Doorbell(spins);
        var echo = new Thread(() =>
        {
            for (var i = 0; i < Rounds; i++)
            {
                there.Await(i);
                back.Ring();
            }
        });
        echo.Start();
        for (var i = 0; i < Rounds; i++)
        {
            there.Ring();
            back.Await(i);
        }

        echo.Join();
        Assert.Equal((Rounds, Rounds), (there.Value, back.Value));
    }

    [Fact]
    public void Bell_NotRung_WaitsNoLongerThanItMay()
    {
        using var bell = new Doorbell(spins: false);
        var began = TimeProvider.System.GetTimestamp();

        bell.Await(bell.Value, TimeSpan.FromMilliseconds(20));

        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void Bell_RungBeforeAnybodyWaits_IsNotLost()
    {
        using var bell = new Doorbell(spins: false);
        var seen = bell.Value;

        bell.Ring();

        // Would hang if it were.
        bell.Await(seen);
        Assert.Equal(seen + 1, bell.Value);
    }

    /// <summary>Whoever has the memory writes what it likes.</summary>
    private static void Write(string path, int offset, long value)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        file.Position = offset;
        file.Write(BitConverter.GetBytes(value));
    }

    private sealed class Pair : IDisposable
    {
        private readonly RunSegment _segment;

        public Pair(string directory)
        {
            _segment = RunSegment.Create(directory, Incarnation, Parameters);
            Coordinator = _segment.CreateRegion(workerId: 1, slots: 3);
            Worker = WorkerRegion.Open(Coordinator.FullPath, Incarnation, 1, Parameters, 3);
        }

        public WorkerRegion Coordinator { get; }

        public WorkerRegion Worker { get; }

        public void Dispose()
        {
            Worker.Dispose();
            Coordinator.Dispose();
            _segment.Dispose();
        }
    }

    private sealed class Nothing : IDisposable
    {
        public static Nothing Instance { get; } = new();

        public void Dispose()
        {
        }
    }
}
