using DistTrain.Core.Data;
using DistTrain.Core.Training;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Worker.Tests;

public sealed class DatasetSourceTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-test-").FullName;
    private int _looks;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>A coordinator that comes back finds its workers ready without a file being read.</summary>
    [Fact]
    public void Find_TheOneFoundLast_IsNotLookedForAgain()
    {
        var source = Source(_ => SmallDataset.Dataset);

        var first = source.Find(SmallDataset.Spec);
        Assert.Same(SmallDataset.Dataset, first);
        Assert.Same(first, source.Find(SmallDataset.Spec with { }));
        Assert.Equal(1, _looks);
    }

    /// <summary>The sizes of a run are another message than its digest: whatever differs, memory does not answer.</summary>
    [Fact]
    public void Find_AnySpecThatDiffers_IsLookedForAgain()
    {
        DatasetSpec[] others =
        [
            SmallDataset.Spec with { Digest = "other" },
            SmallDataset.Spec with { TrainCount = 6 },
            SmallDataset.Spec with { SampleSize = 5 },
        ];
        foreach (var other in others)
        {
            var source = Source(spec => spec == SmallDataset.Spec ? SmallDataset.Dataset : null);
            Assert.NotNull(source.Find(SmallDataset.Spec));
            Assert.Null(source.Find(other));
            Assert.Null(source.Find(other));
            Assert.NotNull(source.Find(SmallDataset.Spec));
        }

        Assert.Equal(4 * others.Length, _looks);
    }

    [Fact]
    public void Find_WhatTheHostHasUnderTheNameIsAnother_ComesFromTheCache()
    {
        Cache().Write(SmallDataset.Spec.Digest, SmallDataset.Bytes);
        var other = new Dataset("small", SmallDataset.Dataset.Test, SmallDataset.Dataset.Train);

        Assert.Equal(SmallDataset.Spec.Digest, Source(_ => other).Find(SmallDataset.Spec)!.Digest);
    }

    [Fact]
    public void Receive_WholeOrDamaged_IsHeldOrNot()
    {
        var source = Source(_ => null);
        byte[] damaged = [.. SmallDataset.Bytes[..^1], (byte)(SmallDataset.Bytes[^1] ^ 1)];
        Assert.Null(source.Receive(SmallDataset.Spec, damaged));
        Assert.Empty(source.Digests());

        var received = source.Receive(SmallDataset.Spec, SmallDataset.Bytes);
        Assert.Equal([SmallDataset.Spec.Digest], source.Digests());
        File.Delete(Assert.Single(Directory.GetFiles(_directory)));

        Assert.Same(received, source.Find(SmallDataset.Spec));
        Assert.Equal(0, _looks);
    }

    private DatasetCache Cache() => new(_directory, NullLogger.Instance);

    private DatasetSource Source(Func<DatasetSpec, Dataset?> find) => new(
        new WorkerOptions
        {
            Coordinator = "nobody",
            FindDataset = spec =>
            {
                _looks++;
                return find(spec);
            },
        },
        Cache(),
        NullLogger.Instance);
}
