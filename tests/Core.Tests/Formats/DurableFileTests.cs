using DistTrain.Core.Formats;

namespace DistTrain.Core.Tests.Formats;

public sealed class DurableFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Target => Path.Combine(_directory.Path, "file");

    [Fact]
    public void Write_NewAndExistingFile_HoldsTheContentAndNothingElseIsLeft()
    {
        foreach (var content in new byte[][] { [1, 2, 3, 4], [5] })
        {
            DurableFile.Write(Target, stream => stream.Write(content));
            Assert.Equal(content, File.ReadAllBytes(Target));
            Assert.Equal([Target], Directory.GetFileSystemEntries(_directory.Path));
        }
    }

    [Fact]
    public void Write_UntilTheEnd_LeavesTheOldFileAsItWas()
    {
        File.WriteAllText(Target, "old");
        DurableFile.Write(Target, stream =>
        {
            stream.WriteByte((byte)'n');
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(Target));
        });
        Assert.Equal("n", File.ReadAllText(Target));
    }

    [Fact]
    public void Write_ContentThatThrows_LeavesTheOldFileAndNoOther()
    {
        File.WriteAllText(Target, "old");
        Assert.Throws<InvalidOperationException>(() => DurableFile.Write(Target, stream =>
        {
            stream.WriteByte(0);
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", File.ReadAllText(Target));
        Assert.Equal([Target], Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void Write_RemainsOfACrash_AreReplaced()
    {
        File.WriteAllText(Target + ".tmp", "longer than what follows");
        DurableFile.Write(Target, stream => stream.WriteByte((byte)'n'));
        Assert.Equal("n", File.ReadAllText(Target));
        Assert.Equal([Target], Directory.GetFileSystemEntries(_directory.Path));
    }

    public void Dispose() => _directory.Dispose();
}
