using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using RoundKind = DistTrain.Core.Training.RoundKind;
using WireKind = DistTrain.Transport.Wire.RoundKind;

namespace DistTrain.Coordinator.Tests;

/// <summary>What tests/Cluster.Tests cannot time: the order of the rules, and headers between rounds.</summary>
public sealed class PartialRulesTests
{
    private const ulong Incarnation = 17;
    private const int ParameterCount = 1000;

    private static readonly RunSpec Spec = new(
        ModelCatalog.MultiLayer("small", [4]), new DatasetSpec("small", "", 100, 600, 784, 10), new OptimizerSpec("sgd", 0.1f), BatchSize: 50, ShardCount: 5, Seed: 1, Steps: 9);

    private static readonly Round Current = new(RoundKind.Training, 3, 5);
    private static readonly Lease Mine = new(8, 1, Current, new ShardRange(2, 5));

    [Fact]
    public void Judge_Right_IsReceived()
    {
        var judgement = Judge(_ => { });

        Assert.Equal((PartialDecision.Receive, Current, new ShardRange(2, 4)), (judgement.Decision, judgement.Round, judgement.Node));
    }

    [Fact]
    public void Judge_BeforeTheFirstRound_IsStale() =>
        Assert.Equal(Verdict.Stale, PartialRules.Judge(Header(), Incarnation, Spec, ParameterCount, current: null, lease: null).Verdict);

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Judge_AnotherRound_IsStale(ulong version)
    {
        var judgement = Judge(header => (header.LeaseId, header.Version, header.ParametersVersion) = (7, version, version));

        Assert.Equal((PartialDecision.Discard, Verdict.Stale), (judgement.Decision, judgement.Verdict));
    }

    [Fact]
    public void Judge_AnotherIncarnation_IsLetPassWhateverItsShards() =>
        Assert.Equal(Verdict.WrongIncarnation, Judge(header => (header.Incarnation, header.FirstShard, header.EndShard) = (16, 1, 4)).Verdict);

    /// <summary>Even what is only dropped may not be longer than the model says.</summary>
    [Fact]
    public void Judge_AnotherIncarnationAndTooLong_EndsTheCall() =>
        Assert.Equal(PartialDecision.Disconnect, Judge(header => (header.Incarnation, header.LengthBytes) = (16, ulong.MaxValue)).Decision);

    [Fact]
    public void Judge_EvaluationWithAGradient_EndsTheCall() =>
        Assert.Equal(PartialDecision.Disconnect, Judge(header => header.Kind = WireKind.Evaluation).Decision);

    /// <summary>A worker that fell behind may still deliver a node of this round under a lease that it no longer has.</summary>
    [Fact]
    public void Judge_AnEarlierLeaseOfThisRound_IsReceived() =>
        Assert.Equal(PartialDecision.Receive, Judge(header => (header.LeaseId, header.FirstShard, header.EndShard) = (7, 0, 2)).Decision);

    [Theory]
    [InlineData(16, 20, null)]
    [InlineData(15, 20, "a checksum has 16 bytes, not 15")]
    [InlineData(16, 21, "of 20 samples 21 cannot be correct")]
    public void Judge_AnEnd_SaysWhatIsWrong(int checksumBytes, uint correct, string? wrong) => Assert.Equal(
        wrong, PartialRules.Judge(new PartialEnd { Checksum = ByteString.CopyFrom(new byte[checksumBytes]), CorrectCount = correct }, Header()));

    /// <summary>No honest worker is cut off: no range has more largest nodes than that.</summary>
    [Fact]
    public void MaximumInFlight_EveryRange_HasNoMoreNodes()
    {
        for (var shards = 1; shards <= 40; shards++)
        {
            var allowed = PartialRules.MaximumInFlight(new Round(RoundKind.Training, 0, shards));
            for (var start = 0; start < shards; start++)
            {
                for (var end = start + 1; end <= shards; end++)
                {
                    Assert.InRange(ReductionTree.Cover(shards, new ShardRange(start, end)).Count, 1, allowed);
                }
            }
        }
    }

    private static PartialJudgement Judge(Action<PartialHeader> change)
    {
        var header = Header();
        change(header);
        return PartialRules.Judge(header, Incarnation, Spec, ParameterCount, Current, Mine);
    }

    private static PartialHeader Header() => new()
    {
        Incarnation = Incarnation,
        LeaseId = 8,
        Kind = WireKind.Training,
        Version = 3,
        ParametersVersion = 3,
        FirstShard = 2,
        EndShard = 4,
        SampleCount = 20,
        LengthBytes = ParameterCount * sizeof(float),
        Number = 1,
    };
}
