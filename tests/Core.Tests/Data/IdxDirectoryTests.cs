using DistTrain.Core.Data;

namespace DistTrain.Core.Tests.Data;

public sealed class IdxDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(new byte[] { 0, 0 }, 2)]
    [InlineData(new byte[] { 0, 1 }, 2)]
    [InlineData(new byte[] { 5, 1 }, 6)]
    [InlineData(new byte[] { 255, 1 }, 256)]
    public void Read_AnyDirectory_HasAsManyClassesAsTheLargestLabelSays(byte[] labels, int classes)
    {
        Write("", "t10k", labels, [0], 2, 3);
        var name = $"idx:{_directory.Path}";
        var data = DatasetPath.TryParse(name)!.Read((_, _) => throw new InvalidOperationException());
        Assert.Equal((name, classes, 2, 3), (data.Name, data.Train.ClassCount, data.Train.Height, data.Train.Width));
        Assert.Equal(labels, data.Train.Labels);
    }

    [Theory]
    [InlineData("fashion-mnist", "", "t10k", 10)]
    [InlineData("kmnist", "", "t10k", 10)]
    [InlineData("emnist-balanced", "emnist-balanced-", "test", 47)]
    [InlineData("emnist-digits", "emnist-digits-", "test", 10)]
    public void Read_KnownSets_HaveTheirOwnFilesAndClasses(string name, string prefix, string test, int classes)
    {
        Write(prefix, test, [0, (byte)(classes - 1)], [1], 2, 2);
        var data = DatasetCatalog.Find(name).Read!(_directory.Path);
        Assert.Equal((name, classes), (data.Name, data.Train.ClassCount));

        Write(prefix, test, [0, (byte)classes], [1], 2, 2);
        Assert.Contains($"is {classes}, not below {classes} classes", Assert.Throws<InvalidInputException>(() => DatasetCatalog.Find(name).Read!(_directory.Path)).Message);
    }

    /// <summary>Stored column by column, labelled from 1.</summary>
    [Fact]
    public void Read_EmnistLetters_AreTurnedAndCountedFrom0()
    {
        Write("emnist-letters-", "test", [1, 26], [2], 2, 3);
        var data = DatasetCatalog.Find("emnist-letters").Read!(_directory.Path);
        Assert.Equal([0, 25], data.Train.Labels);
        Assert.Equal((3, 2, 26), (data.Train.Height, data.Train.Width, data.Train.ClassCount));
        // (2, 3) 0 1 2 / 3 4 5 becomes (3, 2).
        Assert.Equal([0, 3, 1, 4, 2, 5], data.Train.Image(0).ToArray());
        Assert.Equal([6, 9, 7, 10, 8, 11], data.Train.Image(1).ToArray());

        Write("emnist-letters-", "test", [1, 0], [2], 2, 3);
        Assert.Contains("label 1 (byte 9) is 0, but the first class is 1", Assert.Throws<InvalidInputException>(() => DatasetCatalog.Find("emnist-letters").Read!(_directory.Path)).Message);
    }

    [Fact]
    public void Read_FilesMissing_SaysWhichAndWhere()
    {
        Write("", "t10k", [0], [0], 2, 2);
        File.Delete(Path.Combine(_directory.Path, "t10k-labels-idx1-ubyte"));
        File.Delete(Path.Combine(_directory.Path, "train-images-idx3-ubyte"));
        var error = Assert.Throws<InvalidInputException>(() => DatasetCatalog.Find("fashion-mnist").Read!(_directory.Path));
        Assert.Contains($"'fashion-mnist' is not complete in '{_directory.Path}': there is no train-images-idx3-ubyte, t10k-labels-idx1-ubyte (", error.Message);
        Assert.Contains("--data DIR", error.Message);
    }

    [Fact]
    public void Read_PartsOfDifferentSize_AreRefused()
    {
        Write("", "t10k", [0], [0], 2, 2);
        _directory.Write("t10k-images-idx3-ubyte", IdxBytes.Images(1, 2, 3));
        Assert.Contains("2 x 2, but", Assert.Throws<InvalidInputException>(() => DatasetCatalog.Find("kmnist").Read!(_directory.Path)).Message);
    }

    [Theory]
    [InlineData("idx:a", DatasetPathKind.Idx, "a")]
    [InlineData("idx:a,b", DatasetPathKind.Idx, "a,b")]
    [InlineData("csv:a", DatasetPathKind.Csv, "a")]
    [InlineData("csv:a,b", DatasetPathKind.Csv, "a", "b")]
    [InlineData("images:C:\\a", DatasetPathKind.Images, "C:\\a")]
    public void TryParse_Places_AreKindAndPaths(string name, DatasetPathKind kind, params string[] paths)
    {
        var place = DatasetPath.TryParse(name)!;
        Assert.Equal((kind, name), (place.Kind, place.Name));
        Assert.Equal(paths, place.Paths);
        Assert.Equal(paths.Select(path => "/" + path), place.Resolve(path => "/" + path).Paths);
    }

    [Theory]
    [InlineData("mnist")]
    [InlineData("idx:")]
    [InlineData("csv:")]
    [InlineData("csv:a,")]
    [InlineData("csv:a,b,c")]
    [InlineData("CSV:a")]
    public void TryParse_AnythingElse_IsNoPlace(string name) => Assert.Null(DatasetPath.TryParse(name));

    private void Write(string prefix, string test, byte[] trainLabels, byte[] testLabels, int height, int width)
    {
        _directory.Write($"{prefix}train-images-idx3-ubyte", IdxBytes.Images(trainLabels.Length, height, width));
        _directory.Write($"{prefix}train-labels-idx1-ubyte", IdxBytes.Labels(trainLabels));
        _directory.Write($"{prefix}{test}-images-idx3-ubyte", IdxBytes.Images(testLabels.Length, height, width));
        _directory.Write($"{prefix}{test}-labels-idx1-ubyte", IdxBytes.Labels(testLabels));
    }
}
