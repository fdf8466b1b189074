using DistTrain.Core.Data;
using DistTrain.Core.Training;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Worker.Tests;

public sealed class DatasetCacheTests : IDisposable
{
    private static readonly Dataset Dataset = SmallDataset.Dataset;
    private static readonly DatasetSpec Spec = SmallDataset.Spec;
    private static readonly byte[] Bytes = SmallDataset.Bytes;

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

    /// <summary>The digest is the coordinator's word.</summary>
    [Theory]
    [InlineData("../other")]
    [InlineData("")]
    [InlineData("a\0b")]
    public void Read_DigestThatIsNone_TouchesNoFile(string digest)
    {
        var other = Path.Combine(_directory, "other.dataset");
        File.WriteAllText(other, "mine");
        Directory.CreateDirectory(Path.Combine(_directory, "below"));

        Assert.Null(Cache().Read(Spec with { Digest = digest }));

        Assert.Equal("mine", File.ReadAllText(other));
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

    private DatasetCache Cache() => new(Path.Combine(_directory, "below"), NullLogger.Instance);
}
