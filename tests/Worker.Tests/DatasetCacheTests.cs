using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Worker.Tests;

public sealed class DatasetCacheTests : IDisposable
{
    private static readonly Dataset Dataset = new("small", Images(7), Images(4));
    private static readonly DatasetSpec Spec = new("small", Dataset.Digest, TrainCount: 7, TestCount: 4, SampleSize: 6, ClassCount: 3);
    private static readonly byte[] Bytes = [.. DatasetBytes.Write(Dataset).SelectMany(part => part.ToArray())];

    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-test-").FullName;

    private string FilePath => Path.Combine(_directory, "below", $"{Spec.Digest}.dataset");

    public static TheoryData<string, Func<byte[], byte[]>> Damages => new()
    {
        { "empty", _ => [] },
        { "truncated", bytes => bytes[..^1] },
        { "longer", bytes => [.. bytes, 0] },
        { "a flipped bit", bytes => [.. bytes[..50], (byte)(bytes[50] ^ 4), .. bytes[51..]] },
        { "zeros", bytes => new byte[bytes.Length] },
    };

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Read_WhatWriteKept_IsTheDataset()
    {
        var cache = Cache();
        Assert.Empty(cache.Digests());
        Assert.Null(cache.Read(Spec));

        cache.Write(Spec.Digest, Bytes);

        Assert.Equal(Dataset.Digest, cache.Read(Spec)!.Digest);
        Assert.Equal([Spec.Digest], cache.Digests());
        Assert.Equal([FilePath], Directory.GetFiles(Path.GetDirectoryName(FilePath)!));
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public void Read_DamagedFile_IsRemovedAndCanBeKeptAnew(string what, Func<byte[], byte[]> damage)
    {
        var cache = Cache();
        cache.Write(Spec.Digest, Bytes);
        File.WriteAllBytes(FilePath, damage(Bytes));

        Assert.Null(cache.Read(Spec));

        Assert.False(File.Exists(FilePath), what);
        cache.Write(Spec.Digest, Bytes);
        Assert.NotNull(cache.Read(Spec));
    }

    /// <summary>A cache that cannot be used costs a transfer, not the worker.</summary>
    [Fact]
    public void Write_WhereAFileIsInTheWay_IsNoFailure()
    {
        File.WriteAllText(Path.Combine(_directory, "below"), "");
        var cache = Cache();

        cache.Write(Spec.Digest, Bytes);

        Assert.Null(cache.Read(Spec));
        Assert.Empty(cache.Digests());
    }

    private static LabeledImages Images(int count) => new(
        [.. Enumerable.Range(0, count * 6).Select(i => (byte)(i * 37))], [.. Enumerable.Range(0, count).Select(i => (byte)(i % 3))], height: 2, width: 3, channels: 1, classCount: 3);

    private DatasetCache Cache() => new(Path.Combine(_directory, "below"), NullLogger.Instance);
}
