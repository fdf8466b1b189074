using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Checkpoints;

public sealed class RunJournalTests
{
    private const string Run = "/runs/a";
    private static readonly RunHolder Holder = new("alpha", 17, DateTimeOffset.UnixEpoch);

    private readonly List<string> _warnings = [];

    /// <summary>S8: stopped at every step, across the ends of four epochs, and resumed from what is on disk.</summary>
    [Theory]
    [InlineData("adam")]
    [InlineData("momentum")]
    public void Resume_AtEveryStep_EndsInTheSameBits(string optimizer)
    {
        const int Steps = 50;
        var chain = new List<UInt128>();
        using var calm = new SmallRun(optimizer);
        chain.Add(calm.State.Chain);
        for (var step = 1; step <= Steps; step++)
        {
            calm.Train(1);
            chain.Add(calm.State.Chain);
        }

        for (var stopAt = 1; stopAt < Steps; stopAt++)
        {
            var disk = new SimulatedDisk();
            using (var first = new SmallRun(optimizer))
            using (var journal = Open(disk))
            {
                Assert.Null(journal.LoadNewest());
                journal.Begin(first.State);
                first.Train(stopAt, journal);
                journal.BeginSave(first.State);
                Assert.Equal(SaveOutcome.Saved, journal.WaitForSave()!.Outcome);
                // Done in vain: the crash takes them.
                first.Train(2, journal);
                journal.Flush();
            }

            using (var journal = Open(disk))
            using (var checkpoint = journal.LoadNewest()!)
            using (var second = new SmallRun(checkpoint.Snapshot.Spec, checkpoint.Snapshot))
            {
                Assert.Equal((2UL, 1UL, (long)stopAt), (journal.Incarnation, checkpoint.Incarnation, second.State.StepsDone));
                journal.Begin(second.State);
                second.Train(Steps - stopAt, journal);
                Assert.Equal((calm.Hash, calm.State.Chain), (second.Hash, second.State.Chain));
                using var expected = calm.Snapshot();
                using var actual = second.Snapshot();
                SmallRun.AssertEqual(expected, actual);
            }

            Assert.Equal(chain, HashChainLog.ReadAll(disk, $"{Run}/chain.bin"));
            var records = Ledger.ReadAll(disk, $"{Run}/ledger.bin", _warnings.Add);
            Assert.Null(Ledger.Verify(records, calm.State.Spec.ShardCount, Steps));
            Assert.Equal(stopAt, records.Where(record => record.Incarnation == 1).Max(record => record.Step) + 1);
        }

        Assert.Empty(_warnings);
    }

    /// <summary>S6: the disk does not answer; training goes on, and one save is in flight.</summary>
    [Fact]
    public void BeginSave_DiskStalls_StepsGoOnAndOneSaveIsInFlight()
    {
        var disk = new SimulatedDisk();
        using var stall = new ManualResetEventSlim();
        using var reached = new ManualResetEventSlim();
        var now = TimeSpan.Zero;
        using var run = new SmallRun();
        using var journal = RunJournal.Open(disk, Run, Holder, new JournalOptions(Clock: () => now), _warnings.Add);
        using var told = new ManualResetEventSlim();
        var results = new List<(SaveResult Result, bool IsSaving)>();
        journal.Saved = ended =>
        {
            // Who is told may begin the next one.
            results.Add((ended, journal.IsSaving));
            told.Set();
        };
        Assert.Null(journal.WaitForSave());
        Assert.Throws<InvalidOperationException>(() => journal.BeginSave(run.State));
        journal.Begin(run.State);
        run.Train(3, journal);
        disk.Before = (call, _) =>
        {
            if (call == DiskCall.FlushFile)
            {
                reached.Set();
                stall.Wait();
            }
        };
        using var saved = run.Snapshot();
        journal.BeginSave(run.State);
        try
        {
            reached.Wait(TestContext.Current.CancellationToken);
            now = TimeSpan.FromSeconds(30);
            run.Train(500, journal);
            Assert.True(journal.IsSaving);
            Assert.Throws<InvalidOperationException>(() => journal.BeginSave(run.State));
            Assert.Empty(results);
        }
        finally
        {
            stall.Set();
        }

        var result = journal.WaitForSave()!;
        Assert.Equal(new SaveResult(3, SaveOutcome.Saved, $"{Run}/checkpoints/step-000000000003", null, TimeSpan.FromSeconds(30)), result);
        told.Wait(TestContext.Current.CancellationToken);
        Assert.Equal([(result, false)], results);
        using var loaded = journal.LoadNewest();
        SmallRun.AssertEqual(saved, loaded!.Snapshot);
        Assert.Empty(_warnings);
    }

    /// <summary>S1: the disk is full for a while.</summary>
    [Fact]
    public void BeginSave_DiskFullForAWhile_TrainingGoesOnAndNothingIsMissingAfterwards()
    {
        var disk = new SimulatedDisk();
        using var run = new SmallRun("adam");
        using (var journal = Open(disk))
        {
            journal.Begin(run.State);
            run.Train(5, journal);
            Save(journal, run, SaveOutcome.Saved);
            disk.Capacity = disk.UsedBytes + 100;
            run.Train(5, journal);
            Save(journal, run, SaveOutcome.DiskFailed);
            journal.Flush();
            run.Train(5, journal);
            journal.Flush();
            Assert.Contains("No space left on device", Assert.Single(_warnings), StringComparison.Ordinal);
            using (var old = journal.LoadNewest())
            {
                Assert.Equal(5, old!.Snapshot.StepsDone);
            }

            disk.Capacity = long.MaxValue;
            run.Train(5, journal);
            Save(journal, run, SaveOutcome.Saved);
            run.Train(1, journal);
        }

        Assert.Equal(0, disk.FlushesAfterFailure);
        Assert.Single(_warnings);
        AssertWhole(disk.Restart(CrashKind.LosesUnflushed), 20);
    }

    [Fact]
    public void BeginSave_NotFinite_KeepsTheLastGoodOne()
    {
        var disk = new SimulatedDisk();
        using var run = new SmallRun();
        using var journal = Open(disk);
        journal.Begin(run.State);
        run.Train(1, journal);
        Save(journal, run, SaveOutcome.Saved);
        run.Train(1, journal);
        run.State.Parameters.Values[0] = float.NaN;
        Save(journal, run, SaveOutcome.NotFinite);
        using var loaded = journal.LoadNewest();
        Assert.Equal(1, loaded!.Snapshot.StepsDone);
    }

    [Fact]
    public void BeginSave_Superseded_PutsNothingInPlace()
    {
        var disk = new SimulatedDisk();
        using var run = new SmallRun();
        using var journal = Open(disk);
        journal.Begin(run.State);
        run.Train(1, journal);
        var otherHost = disk.Clone();
        using (Open(otherHost))
        {
            disk[$"{Run}/incarnation.json"] = otherHost[$"{Run}/incarnation.json"];
        }

        var (chain, ledger) = (disk[$"{Run}/chain.bin"], disk[$"{Run}/ledger.bin"]);
        Assert.False(journal.IsSuperseded);
        Save(journal, run, SaveOutcome.Superseded);
        run.Train(1, journal);
        journal.Flush();
        Assert.True(journal.IsSuperseded);
        Assert.Empty(disk.List($"{Run}/checkpoints"));
        Assert.Equal(chain, disk[$"{Run}/chain.bin"]);
        Assert.Equal(ledger, disk[$"{Run}/ledger.bin"]);
        Assert.Contains("taken over by incarnation 2", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    /// <summary>On shared storage: taken over after the logs were flushed, at the last moment before the rename.</summary>
    [Fact]
    public void BeginSave_SupersededWhileItFlushes_PutsNothingInPlace()
    {
        var disk = new SimulatedDisk();
        using var run = new SmallRun();
        using var journal = Open(disk);
        journal.Begin(run.State);
        run.Train(1, journal);
        var otherHost = disk.Clone();
        using (Open(otherHost))
        {
            disk.Before = (call, path) =>
            {
                if (call == DiskCall.FlushFile && path.EndsWith("ledger.bin", StringComparison.Ordinal))
                {
                    disk[$"{Run}/incarnation.json"] = otherHost[$"{Run}/incarnation.json"];
                }
            };
            Save(journal, run, SaveOutcome.Superseded);
        }

        Assert.Empty(disk.List($"{Run}/checkpoints"));
    }

    [Fact]
    public void BeginSave_Many_KeepsAsManyAsAsked()
    {
        var disk = new SimulatedDisk();
        using var run = new SmallRun();
        using var journal = RunJournal.Open(disk, Run, Holder, new JournalOptions(KeepCheckpoints: 2), _warnings.Add);
        journal.Begin(run.State);
        for (var i = 0; i < 5; i++)
        {
            run.Train(1, journal);
            Save(journal, run, SaveOutcome.Saved);
        }

        Assert.Equal(["step-000000000004", "step-000000000005"], disk.List($"{Run}/checkpoints"));
    }

    /// <summary>S3 and O3 for the whole directory: killed, or without power, in any operation of a run that saves three times.</summary>
    [Fact]
    public void Run_CrashInAnyOperation_ResumesAtOrAfterTheLastDurableSaveWithAWholeRecord()
    {
        var (cases, crashAt, ends) = (0, 0, false);
        while (!ends)
        {
            var disk = new SimulatedDisk { CrashAt = ++crashAt };
            var durable = RunUntilCrash(disk, out ends);
            foreach (var (kind, seed) in new[] { (CrashKind.ProcessOnly, 0), (CrashKind.LosesUnflushed, 0) }.Concat(Enumerable.Range(0, 3).Select(seed => (CrashKind.Torn, seed))))
            {
                var after = disk.Restart(kind, seed);
                using (var journal = RunJournal.Open(after, Run, Holder, new JournalOptions(2), _ => { }))
                using (var checkpoint = journal.LoadNewest())
                using (var run = new SmallRun(SmallRun.Spec(), checkpoint?.Snapshot))
                {
                    Assert.InRange(run.State.StepsDone, durable, 9);
                    journal.Begin(run.State);
                    run.Train(12 - (int)run.State.StepsDone, journal);
                    Save(journal, run, SaveOutcome.Saved);
                }

                AssertWhole(after.Restart(CrashKind.LosesUnflushed), 12);
                cases++;
            }
        }

        Assert.InRange(cases, 400, 1000);
        Assert.Empty(_warnings);
    }

    /// <summary>Once both of its buffers have grown to what comes between two flushes.</summary>
    [Fact]
    public void Count_InTheLongRun_AllocatesNothing()
    {
        using var run = new SmallRun();
        using var journal = Open(new SimulatedDisk());
        journal.Begin(run.State);
        for (var flushes = 0; flushes < 2; flushes++)
        {
            CountThousand();
            journal.Flush();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        CountThousand();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void CountThousand()
        {
            for (var i = 0; i < 1000; i++)
            {
                journal.Count(i, new ShardRange(0, 4), 1);
            }
        }
    }

    /// <summary>Logs go to disk without a save, too, once enough is waiting.</summary>
    [Fact]
    public void StepDone_EnoughWaiting_IsFlushedInTheBackground()
    {
        using var flushed = new ManualResetEventSlim();
        var disk = new SimulatedDisk();
        using var run = new SmallRun();
        using var journal = Open(disk);
        journal.Begin(run.State);
        for (var i = 0; i < 40_000; i++)
        {
            journal.Count(0, new ShardRange(0, 4), 1);
        }

        disk.Before = (call, path) =>
        {
            if (call == DiskCall.FlushFile && path.EndsWith("ledger.bin", StringComparison.Ordinal))
            {
                flushed.Set();
            }
        };
        run.Train(1, journal);
        Assert.True(flushed.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Open_Twice_IsRefusedAndBadDirectoriesToo()
    {
        var disk = new SimulatedDisk();
        using var journal = Open(disk);
        Assert.Contains("in use by process 17 on alpha", Assert.Throws<InvalidInputException>(() => Open(disk)).Message, StringComparison.Ordinal);
        disk["/file"] = [];
        Assert.StartsWith("/file/run", Assert.Throws<InvalidInputException>(() => RunJournal.Open(disk, "/file/run", Holder, new JournalOptions(), _ => { })).Message, StringComparison.Ordinal);
    }

    private static long RunUntilCrash(SimulatedDisk disk, out bool isWhole)
    {
        var durable = 0L;
        isWhole = false;
        try
        {
            using var run = new SmallRun();
            using var journal = RunJournal.Open(disk, Run, Holder, new JournalOptions(2), _ => { });
            journal.Begin(run.State);
            for (var i = 0; i < 3; i++)
            {
                run.Train(3, journal);
                journal.BeginSave(run.State);
                durable = journal.WaitForSave() is { Outcome: SaveOutcome.Saved } saved ? saved.StepsDone : durable;
            }

            isWhole = disk.Operations < disk.CrashAt;
        }
        catch (InvalidInputException e) when (e.InnerException is CrashedException)
        {
            // While it opened.
        }

        return durable;
    }

    /// <summary>The record of a run of so many steps at least: the chain of a calm one, and each shard once.</summary>
    private static void AssertWhole(SimulatedDisk disk, int steps)
    {
        using var journal = RunJournal.Open(disk, Run, Holder, new JournalOptions(), warning => Assert.Fail(warning));
        using var checkpoint = journal.LoadNewest();
        Assert.Equal(steps, checkpoint!.Snapshot.StepsDone);
        var chain = HashChainLog.ReadAll(disk, $"{Run}/chain.bin");
        using var calm = new SmallRun(checkpoint.Snapshot.Spec);
        for (var version = 0; version <= steps; version++)
        {
            Assert.Equal((version, calm.State.Chain), (version, chain[version]));
            calm.Train(1);
        }

        var records = Ledger.ReadAll(disk, $"{Run}/ledger.bin", warning => Assert.Fail(warning));
        Assert.Null(Ledger.Verify(records.Where(record => record.Step < steps), calm.State.Spec.ShardCount, steps));
    }

    private static void Save(RunJournal journal, SmallRun run, SaveOutcome expected)
    {
        journal.BeginSave(run.State);
        Assert.Equal(expected, journal.WaitForSave()!.Outcome);
    }

    private RunJournal Open(SimulatedDisk disk) => RunJournal.Open(disk, Run, Holder, new JournalOptions(), _warnings.Add);
}
