using DistTrain.Core.Data;
using DistTrain.Core.Training;

namespace DistTrain.Transport.Tests;

public sealed class DatasetBytesTests
{
    private static readonly Dataset Dataset = new("small", Images(7), Images(4));
    private static readonly DatasetSpec Spec = new("small", Dataset.Digest, TrainCount: 7, TestCount: 4, SampleSize: 6, ClassCount: 3);
    private static readonly byte[] Bytes = [.. DatasetBytes.Write(Dataset).SelectMany(part => part.ToArray())];

    [Fact]
    public void Read_WhatWriteWrote_IsTheDataset()
    {
        var read = DatasetBytes.Read(Bytes, Spec);

        Assert.Equal(DatasetBytes.Length(Spec), Bytes.Length);
        Assert.Equal(Dataset.Digest, read!.Digest);
        Assert.Equal(Bytes, DatasetBytes.Chunked(Dataset).SelectMany(chunk => chunk.Data.ToByteArray()));
    }

    [Fact]
    public void Read_AnyFlippedByte_IsRefused()
    {
        for (var i = 0; i < Bytes.Length; i++)
        {
            var flipped = Bytes.ToArray();
            flipped[i] ^= 1;
            Assert.Null(DatasetBytes.Read(flipped, Spec));
        }
    }

    [Fact]
    public void Read_AnyOtherLength_IsRefused()
    {
        for (var length = 0; length < Bytes.Length; length++)
        {
            Assert.Null(DatasetBytes.Read(Bytes.AsSpan(0, length), Spec));
        }

        Assert.Null(DatasetBytes.Read([.. Bytes, 0], Spec));
    }

    /// <summary>A digest that fits proves the bytes, not the other numbers of the spec.</summary>
    [Fact]
    public void Read_SpecWithOtherSizes_IsRefused()
    {
        Assert.Null(DatasetBytes.Read(Bytes, Spec with { TrainCount = 4, TestCount = 7 }));
        Assert.Null(DatasetBytes.Read(Bytes, Spec with { ClassCount = 4 }));
        Assert.Null(DatasetBytes.Read(Bytes, Spec with { SampleSize = 5 }));
    }

    [Fact]
    public void Read_NumbersForElements_AreTheSameBits()
    {
        var data = new Dataset("numbers", LabeledImages.FromValues([1, -0f, 1e-40f, 3], [1, 0], 1, 2, 1, 2), LabeledImages.FromValues([7, 8], [1], 1, 2, 1, 2));
        var spec = DatasetSpec.Of(data);
        byte[] bytes = [.. DatasetBytes.Write(data).SelectMany(part => part.ToArray())];

        var read = DatasetBytes.Read(bytes, spec);

        Assert.Equal(DatasetBytes.Length(spec), bytes.Length);
        Assert.Equal(data.Digest, read!.Digest);
        Assert.Equal(data.Train.Elements, read.Train.Elements);
        Assert.Equal(ElementKind.Binary32, read.Test.ElementKind);
        // Read as bytes of a sample four times as long the digest is the same, but not the sizes.
        Assert.Null(DatasetBytes.Read(bytes, spec with { Elements = null }));
        Assert.Null(DatasetBytes.Read(bytes, spec with { Elements = null, SampleSize = 8 }));
        for (var length = 0; length < bytes.Length; length++)
        {
            Assert.Null(DatasetBytes.Read(bytes.AsSpan(0, length), spec));
        }
    }

    [Fact]
    public void Length_OfTheLargestNumbers_DoesNotOverflow() => Assert.Equal(
        long.MaxValue,
        DatasetBytes.Length(Spec with { TrainCount = int.MaxValue, TestCount = int.MaxValue, SampleSize = int.MaxValue, Elements = ElementKind.Binary32 }));

    [Fact]
    public void Length_OfTheLargestSpec_DoesNotOverflow() =>
        Assert.Equal(40 + (((1L << 32) - 2) * (1L << 31)), DatasetBytes.Length(Spec with { TrainCount = int.MaxValue, TestCount = int.MaxValue, SampleSize = int.MaxValue }));

    private static LabeledImages Images(int count) => new(
        [.. Enumerable.Range(0, count * 6).Select(i => (byte)(i * 37))], [.. Enumerable.Range(0, count).Select(i => (byte)(i % 3))], height: 2, width: 3, channels: 1, classCount: 3);
}
