using System.IO.Hashing;
using System.Runtime.InteropServices;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tests.Checkpoints;
using DistTrain.Core.Training;
using SmallRun = DistTrain.Core.Tests.Checkpoints.SmallRun;

namespace DistTrain.Core.Tests.Training;

/// <summary>A run of 30 steps, 12 an epoch, with checkpoints after steps 10 and 20, computed again.</summary>
public sealed class ReplayerTests
{
    private const string Directory = "/runs/a";
    private const int Steps = 30;

    private readonly SimulatedDisk _disk = new();
    private readonly List<string> _warnings = [];

    [Theory]
    [InlineData("momentum")]
    [InlineData("adam")]
    public void AdvanceTo_EveryStepAndAnyThreadsOrKernels_IsEqual(string optimizer)
    {
        Record(optimizer);
        var run = Open(optimizer);
        for (var step = 1; step <= Steps; step++)
        {
            using var from = run.NewestCheckpoint(step, _warnings.Add);
            Assert.Equal(step / 10 * 10 is var checkpoint && checkpoint > 20 ? 20 : checkpoint, from?.Snapshot.StepsDone ?? 0);
            using var replayer = new Replayer(run, SmallRun.Dataset, from?.Snapshot, threads: 1 + (step % 3), VectorKernels.All[step % VectorKernels.All.Count]);

            replayer.AdvanceTo(step, TestContext.Current.CancellationToken);

            Assert.Equal((ReplayVerdict.Equal, run.ChainAt(step)), (replayer.Verdict, replayer.State.Chain));
        }

        Assert.Empty(_warnings);
    }

    /// <summary>The parameters themselves went wrong: what a liar, or faulty hardware, leaves.</summary>
    [Fact]
    public void AdvanceTo_RunThatWentWrong_FindsTheFirstWrongStep()
    {
        Record(wrongAfter: 13);
        var run = Open();
        using var from = run.NewestCheckpoint(19, _warnings.Add);
        using var replayer = new Replayer(run, SmallRun.Dataset, from!.Snapshot);

        replayer.AdvanceTo(19, TestContext.Current.CancellationToken);

        Assert.Equal((ReplayVerdict.Differs, 14L), (replayer.Verdict, replayer.FirstDifference));
    }

    [Theory]
    [InlineData(12, ReplayVerdict.Equal, null)]
    [InlineData(13, ReplayVerdict.Differs, 13L)]
    [InlineData(19, ReplayVerdict.Differs, 13L)]
    public void AdvanceTo_OneEntryOfTheChainDamaged_FindsIt(long step, ReplayVerdict verdict, long? first)
    {
        Record();
        ChangeChain(13, 1);
        var run = Open();
        using var from = run.NewestCheckpoint(step, _warnings.Add);
        using var replayer = new Replayer(run, SmallRun.Dataset, from!.Snapshot);

        replayer.AdvanceTo(step, TestContext.Current.CancellationToken);

        Assert.Equal((verdict, first), (replayer.Verdict, replayer.FirstDifference));
    }

    [Fact]
    public void Verdict_EntryUnknown_IsUnknownThereAndEqualBehind()
    {
        Record();
        ChangeChain(13, 0);
        var run = Open();
        using var replayer = new Replayer(run, SmallRun.Dataset);

        replayer.AdvanceTo(13, TestContext.Current.CancellationToken);
        Assert.Equal(ReplayVerdict.Unknown, replayer.Verdict);

        replayer.AdvanceTo(14, TestContext.Current.CancellationToken);
        Assert.Equal(ReplayVerdict.Equal, replayer.Verdict);
    }

    [Fact]
    public void Verdict_CheckpointOtherThanTheChain_DiffersAtOnce()
    {
        Record();
        ChangeChain(20, 1);
        var run = Open();
        using var from = run.NewestCheckpoint(20, _warnings.Add);
        using var replayer = new Replayer(run, SmallRun.Dataset, from!.Snapshot);

        Assert.Equal((ReplayVerdict.Differs, 20L), (replayer.Verdict, replayer.FirstDifference));
    }

    /// <summary>Every leaf's fingerprint is that of the partial that a worker with that shard alone computes.</summary>
    [Fact]
    public unsafe void Fingerprint_OfEachShard_IsThatOfItsPartial()
    {
        Record();
        var run = Open();
        using var replayer = new Replayer(run, SmallRun.Dataset, threads: 2);
        replayer.AdvanceTo(11, TestContext.Current.CancellationToken);
        var spec = run.Spec;
        using var pools = new PartialPools(replayer.State.Parameters.Layout.Length);
        using var computation = new ShardComputation(spec, new ReferenceKernels<float>(), threads: 1, pools);
        computation.UseParameters(replayer.State.Parameters.Pointer);
        var batch = Sampler.Batch(11, spec.Dataset.TrainCount, spec.BatchSize);
        var order = Sampler.Permutation(spec.Seed, batch.Epoch, spec.Dataset.TrainCount);
        for (var shard = 0; shard < spec.ShardCount; shard++)
        {
            var partials = new List<Partial>();
            computation.ComputeGradients(SmallRun.Dataset.Train, order, batch, spec.ShardCount, new ShardRange(shard, shard + 1), partials);
            var partial = Assert.Single(partials);

            Assert.Equal(
                new ShardFingerprint(
                    shard, partial.SampleCount, partial.LossSum, partial.CorrectCount, XxHash128.HashToUInt128(MemoryMarshal.AsBytes(partial.Gradient.Span))),
                replayer.Fingerprint(shard));
            pools.Training.Return(partial);
        }

        // It changes nothing: the run goes on in the same bits.
        replayer.AdvanceTo(12, TestContext.Current.CancellationToken);
        Assert.Equal(ReplayVerdict.Equal, replayer.Verdict);
    }

    [Fact]
    public void NewestCheckpoint_Damaged_FallsBackAndSaysWhich()
    {
        Record();
        Change("checkpoints/step-000000000020/optimizer.safetensors", bytes => bytes[^1] ^= 1);

        using var from = Open().NewestCheckpoint(25, _warnings.Add);

        Assert.Equal(10, from!.Snapshot.StepsDone);
        Assert.Matches("step-000000000020 is passed over: .*optimizer.safetensors: is damaged", Assert.Single(_warnings));
    }

    [Fact]
    public void NewestCheckpoint_OfAnotherRun_IsPassedOver()
    {
        Record();
        var spec = SmallRun.Spec();

        Assert.Null(RecordedRun.Open(_disk, Directory, spec with { Seed = 8 }).NewestCheckpoint(25, _warnings.Add));
        Assert.Equal(2, _warnings.Count);
        using var longer = RecordedRun.Open(_disk, Directory, spec with { Steps = 2000 }).NewestCheckpoint(25, _warnings.Add);
        Assert.Equal(20, longer!.Snapshot.StepsDone);
    }

    /// <summary>Changed in memory, after their hash was taken: the files themselves are whole.</summary>
    [Fact]
    public void NewestCheckpoint_ParametersOtherThanTheirHash_IsPassedOver()
    {
        Record(wrongAfter: 20);

        using var from = Open().NewestCheckpoint(25, _warnings.Add);

        Assert.Equal(10, from!.Snapshot.StepsDone);
        Assert.Matches("step-000000000020 is passed over: its parameters", Assert.Single(_warnings));
    }

    [Fact]
    public void FindDelivery_OfEachShard_IsTheLedgersRecord()
    {
        Record();
        var run = Open();

        Assert.Equal([1, 1, 2, 2], Enumerable.Range(0, 4).Select(shard => run.FindDelivery(17, shard, _warnings.Add)!.Value.Worker));
        Assert.Null(run.FindDelivery(Steps, 0, _warnings.Add));
        Assert.Empty(_warnings);
        _disk.Remove($"{Directory}/ledger.bin");
        Assert.Null(run.FindDelivery(17, 0, _warnings.Add));
        Assert.Contains("ledger.bin", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "is missing")]
    [InlineData(0, "no whole entry")]
    [InlineData(15, "no whole entry")]
    public void Open_WithoutAChain_SaysWhatIsWrong(int? bytes, string expected)
    {
        Record();
        _disk.Remove($"{Directory}/chain.bin");
        if (bytes is { } count)
        {
            _disk[$"{Directory}/chain.bin"] = new byte[count];
        }

        var refusal = Assert.Throws<InvalidInputException>(() => Open());

        Assert.Contains($"{Directory}/chain.bin", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Replayer_OtherData_IsRefused()
    {
        Record();
        Assert.Throws<InvalidInputException>(() => new Replayer(Open(), TestData.Dataset(seed: 4, trainCount: 58, testCount: 10, size: 6, classes: 3)));
    }

    [Fact]
    public void AdvanceTo_Cancelled_Ends()
    {
        Record();
        using var replayer = new Replayer(Open(), SmallRun.Dataset);
        Assert.Throws<OperationCanceledException>(() => replayer.AdvanceTo(1, new CancellationToken(canceled: true)));
    }

    private RecordedRun Open(string optimizer = "momentum") => RecordedRun.Open(_disk, Directory, SmallRun.Spec(optimizer));

    /// <summary>Trains under a journal; a wrong run's parameters are changed after a step, so that the next one comes out wrong.</summary>
    private void Record(string optimizer = "momentum", int? wrongAfter = null)
    {
        using var run = new SmallRun(optimizer);
        using var journal = RunJournal.Open(
            _disk, Directory, new RunHolder("alpha", 17, DateTimeOffset.UnixEpoch), new JournalOptions(KeepCheckpoints: 3), _warnings.Add);
        journal.Begin(run.State);
        for (var step = 1; step <= Steps; step++)
        {
            run.Train(1, journal);
            if (step == wrongAfter)
            {
                run.State.Parameters.Values[3] += 1;
            }

            if (step is 10 or 20)
            {
                journal.BeginSave(run.State);
                Assert.Equal(SaveOutcome.Saved, journal.WaitForSave()!.Outcome);
            }
        }
    }

    private void ChangeChain(int version, byte value) =>
        Change("chain.bin", bytes => bytes.AsSpan(version * HashChain.SizeBytes, HashChain.SizeBytes).Fill(value));

    private void Change(string name, Action<byte[]> change)
    {
        var bytes = _disk[$"{Directory}/{name}"];
        change(bytes);
        _disk[$"{Directory}/{name}"] = bytes;
    }
}
