using DistTrain.Core.Data;

namespace DistTrain.Core.Tests.Data;

public sealed class DatasetDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void LoadMnist_PlainAndGzippedFiles_LoadsBoth()
    {
        WriteSmallFiles();
        var dataset = DatasetDirectory.LoadMnist(_directory.Path, requirePinnedContent: false);
        Assert.Equal((2, 1, 3, 2), (dataset.Train.Count, dataset.Test.Count, dataset.Train.Height, dataset.Train.Width));
        Assert.Equal([4, 9], dataset.Train.Labels);
        Assert.Equal([0, 1, 2, 3, 4, 5], dataset.Test.Pixels);
    }

    [Fact]
    public void LoadMnist_OtherContent_NamesFileAndBothHashes()
    {
        WriteSmallFiles();
        var error = Assert.Throws<InvalidInputException>(() => DatasetDirectory.LoadMnist(_directory.Path));
        Assert.Contains(Path.Combine(_directory.Path, "train-images-idx3-ubyte"), error.Message);
        Assert.Contains(DatasetCatalog.Mnist.Files[0].Sha256!, error.Message);
        Assert.Contains("not MNIST's", error.Message);
    }

    [Fact]
    public void LoadMnist_MissingFile_NamesWhatWasLookedForAndTheCure()
    {
        WriteSmallFiles();
        File.Delete(Path.Combine(_directory.Path, "t10k-labels-idx1-ubyte.gz"));
        var error = Assert.Throws<InvalidInputException>(() => DatasetDirectory.LoadMnist(_directory.Path, requirePinnedContent: false));
        var path = Path.Combine(_directory.Path, "t10k-labels-idx1-ubyte");
        Assert.Contains($"neither '{path}' nor '{path}.gz'", error.Message);
        Assert.Contains("disttrain data fetch", error.Message);
        Assert.Contains("--data DIR", error.Message);
        Assert.False(DatasetDirectory.IsComplete(_directory.Path, DatasetCatalog.Mnist));
    }

    [Fact]
    public void LoadMnist_ThePublishedFiles_HasThePinnedContent()
    {
        var data = Environment.GetEnvironmentVariable("DISTTRAIN_DATA");
        Assert.SkipWhen(string.IsNullOrEmpty(data), "needs MNIST: set DISTTRAIN_DATA to the directory above mnist/");
        var dataset = DatasetDirectory.LoadMnist(Path.Combine(data!, "mnist"));
        Assert.Equal(new Dataset("computed", dataset.Train, dataset.Test).Digest, dataset.Digest);
        Assert.Equal((60_000, 10_000), (dataset.Train.Count, dataset.Test.Count));
        Assert.Equal((784, 10), (dataset.Train.ImageSize, dataset.Train.ClassCount));
        Assert.Equal([5, 0, 4, 1, 9, 2, 1, 3, 1, 4], dataset.Train.Labels[..10]);
        Assert.Equal([7, 2, 1, 0, 4, 1, 4, 9, 5, 9], dataset.Test.Labels[..10]);
        Assert.Equal("80a9bb574aefcf4ae92b3accfe0e334812ea4df28794fc041ec8601a38c6ccf5", dataset.Digest);
    }

    private void WriteSmallFiles()
    {
        _directory.Write("train-images-idx3-ubyte", IdxBytes.Images(2, 3, 2));
        _directory.Write("train-labels-idx1-ubyte.gz", IdxBytes.Gzip(IdxBytes.Labels(4, 9)));
        // Named as gzip but unpacked, as a browser leaves it.
        _directory.Write("t10k-images-idx3-ubyte.gz", IdxBytes.Images(1, 3, 2));
        _directory.Write("t10k-labels-idx1-ubyte.gz", IdxBytes.Gzip(IdxBytes.Labels(7)));
    }
}
