using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Checkpoints;

/// <summary>S1 to S3 of the fault matrix, in process: a disk that is full, fails, or dies, at every operation of a save.</summary>
public sealed class CheckpointFaultTests : IDisposable
{
    private const string Directory = "/run/checkpoints";

    private readonly TrainingSnapshot _old;
    private readonly TrainingSnapshot _new;
    private readonly SimulatedDisk _before = new();

    public CheckpointFaultTests()
    {
        using var run = new SmallRun("adam");
        run.Train(3);
        _old = run.Snapshot();
        run.Train(1);
        _new = run.Snapshot();
        _before.CreateDirectory("/run");
        new CheckpointStore(_before, Directory).Save(_old, 1);
        _before = _before.Restart(CrashKind.LosesUnflushed);
        // Nothing is durable by accident: the run's own directory was not flushed.
        Assert.False(_before.DirectoryExists(Directory));
        _before.CreateDirectory("/run");
        _before.FlushDirectory("/");
        new CheckpointStore(_before, Directory).Save(_old, 1);
        _before = _before.Restart(CrashKind.LosesUnflushed);
        AssertLoads(_before, _old);
    }

    /// <summary>The first save makes the directory; if its name could not be made durable then, a later save that succeeds must have seen to it.</summary>
    [Fact]
    public void Save_FlushOfTheRunDirectoryFailedOnce_LaterSaveSurvivesAPowerCut()
    {
        var disk = new SimulatedDisk();
        disk.CreateDirectory("/run");
        disk.FlushDirectory("/");
        var store = new CheckpointStore(disk, Directory);
        var failures = 1;
        disk.Before = (call, path) =>
        {
            if (call == DiskCall.FlushDirectory && path == "/run" && failures-- > 0)
            {
                throw new IOException("Input/output error");
            }
        };
        Assert.Throws<IOException>(() => store.Save(_old, 1));
        store.Save(_new, 1);

        AssertLoads(disk.Restart(CrashKind.LosesUnflushed), _new);
    }

    /// <summary>The same, where the process died before the flush and another one saves.</summary>
    [Fact]
    public void Save_DirectoryLeftByAnotherProcess_SurvivesAPowerCut()
    {
        var disk = new SimulatedDisk();
        disk.CreateDirectory("/run");
        disk.FlushDirectory("/");
        disk.CreateDirectory(Directory);

        new CheckpointStore(disk, Directory).Save(_new, 1);

        AssertLoads(disk.Restart(CrashKind.LosesUnflushed), _new);
    }

    [Fact]
    public void Save_DiskFullAtAnyByte_FailsWholeAndALaterSaveSucceeds()
    {
        var disk = _before.Clone();
        new CheckpointStore(disk, Directory).Save(_new, 1);
        var (used, needed) = (_before.UsedBytes, disk.UsedBytes - _before.UsedBytes);
        var cases = 0;
        for (var free = 0L; free < needed; free += 7)
        {
            disk = _before.Clone();
            var store = new CheckpointStore(disk, Directory);
            disk.Capacity = used + free;
            Assert.Throws<IOException>(() => store.Save(_new, 1));
            Assert.Equal(["step-000000000003"], disk.List(Directory));
            AssertLoads(disk, _old);

            disk.Capacity = used + needed;
            store.Save(_new, 1);
            AssertLoads(disk, _new);
            cases++;
        }

        Assert.InRange(cases, 500, 2000);
    }

    [Fact]
    public void Save_AnyOperationFails_FailsWholeAndNoDescriptorIsFlushedAgain()
    {
        var calls = Calls(_before.Clone(), disk => new CheckpointStore(disk, Directory).Save(_new, 1));
        Assert.Equal(4, calls.Count(call => call == DiskCall.FlushFile));
        // The names of the files, of the checkpoint, and, once in a store's life, of the directory of all checkpoints.
        Assert.Equal(3, calls.Count(call => call == DiskCall.FlushDirectory));
        for (var failing = 0; failing < calls.Count; failing++)
        {
            var disk = _before.Clone();
            var store = new CheckpointStore(disk, Directory);
            var index = 0;
            disk.Before = (call, _) =>
            {
                if (index++ == failing)
                {
                    throw new IOException($"Input/output error ({call})");
                }
            };
            Assert.Contains("Input/output error", Assert.Throws<IOException>(() => store.Save(_new, 1)).Message, StringComparison.Ordinal);
            Assert.Equal(0, disk.FlushesAfterFailure);
            disk.Before = null;
            Assert.DoesNotContain(disk.List(Directory), CheckpointFormat.IsTemporary);
            // After the rename the new one is there, though not reported durable.
            var isRenamed = failing == calls.Count - 1;
            AssertLoads(disk, isRenamed ? _new : _old);
            AssertLoads(disk.Restart(CrashKind.LosesUnflushed), _old);

            store.Save(_new, 1);
            AssertLoads(disk.Restart(CrashKind.LosesUnflushed), _new);
        }
    }

    /// <summary>The save of a step that is there but damaged, too.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Save_CrashInAnyOperation_LeavesTheOldOrTheNewOne(bool overADamagedOne)
    {
        var before = _before.Clone();
        if (overADamagedOne)
        {
            new CheckpointStore(before, Directory).Save(_new, 1);
            before[$"{Directory}/step-000000000004/manifest.json"] = [];
            before = before.Restart(CrashKind.LosesUnflushed);
        }

        var (cases, olds, news) = (0, 0, 0);
        for (var crashAt = 1; ; crashAt++)
        {
            var disk = before.Clone();
            disk.CrashAt = crashAt;
            var isSaved = true;
            try
            {
                var store = new CheckpointStore(disk, Directory);
                store.Save(_new, 1);
            }
            catch (CrashedException)
            {
                isSaved = false;
            }

            foreach (var (kind, seed) in new[] { (CrashKind.ProcessOnly, 0), (CrashKind.LosesUnflushed, 0) }.Concat(Enumerable.Range(0, 20).Select(seed => (CrashKind.Torn, seed))))
            {
                var after = disk.Restart(kind, seed);
                using var loaded = new CheckpointStore(after, Directory).LoadNewest(_ => { });
                Assert.NotNull(loaded);
                Assert.True(!isSaved || loaded.Snapshot.StepsDone == 4, "A save that was reported durable is lost.");
                SmallRun.AssertEqual(loaded.Snapshot.StepsDone == 4 ? _new : _old, loaded.Snapshot);
                (olds, news) = (olds + (loaded.Snapshot.StepsDone == 3 ? 1 : 0), news + (loaded.Snapshot.StepsDone == 4 ? 1 : 0));

                // The next start clears away what is left, and saves.
                var store = new CheckpointStore(after, Directory);
                store.DeleteTemporaries();
                Assert.DoesNotContain(after.List(Directory), CheckpointFormat.IsTemporary);
                store.Save(_new, 2);
                AssertLoads(after.Restart(CrashKind.LosesUnflushed), _new);
                cases++;
            }

            if (isSaved)
            {
                break;
            }
        }

        Assert.InRange(cases, 400, 2000);
        Assert.True(olds > 100 && news > 10, $"{olds} old, {news} new");
    }

    [Fact]
    public void Retain_CrashInAnyOperation_NeverTakesTheNewestOne()
    {
        var full = _before.Clone();
        new CheckpointStore(full, Directory).Save(_new, 1);
        var cases = 0;
        for (var crashAt = 1; ; crashAt++)
        {
            var disk = full.Clone();
            disk.CrashAt = crashAt;
            try
            {
                new CheckpointStore(disk, Directory).Retain(1);
                Assert.Equal(["step-000000000004"], disk.List(Directory));
                break;
            }
            catch (CrashedException)
            {
                foreach (var kind in Enum.GetValues<CrashKind>())
                {
                    AssertLoads(disk.Restart(kind), _new);
                    cases++;
                }
            }
        }

        Assert.InRange(cases, 15, 100);
    }

    public void Dispose()
    {
        _old.Dispose();
        _new.Dispose();
    }

    private static void AssertLoads(SimulatedDisk disk, TrainingSnapshot expected)
    {
        using var loaded = new CheckpointStore(disk, Directory).LoadNewest(warning => Assert.Fail(warning));
        SmallRun.AssertEqual(expected, loaded!.Snapshot);
    }

    private static List<DiskCall> Calls(SimulatedDisk disk, Action<SimulatedDisk> act)
    {
        var calls = new List<DiskCall>();
        disk.Before = (call, _) => calls.Add(call);
        act(disk);
        return calls;
    }
}
