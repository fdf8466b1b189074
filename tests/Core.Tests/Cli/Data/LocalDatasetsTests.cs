using DistTrain.Cli.Data;
using DistTrain.Core.Data;
using DistTrain.Core.Tests.Data;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Cli.Data;

public sealed class LocalDatasetsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly List<string> _told = [];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Find_BuiltInSets_AreMade()
    {
        Assert.Equal(LogicGates.Create("gate-xor").Digest, Find("gate-xor")!.Digest);
        Assert.Equal((3, 2), (Find("synthetic")!.Train.Count, Find("synthetic")!.Test.Count));
    }

    [Fact]
    public void Find_FilesBelowTheDataDirectory_AreRead()
    {
        Assert.Null(Find("kmnist"));
        foreach (var file in DatasetCatalog.Find("kmnist").Files)
        {
            _directory.Write(Path.Combine("kmnist", file.Name), file.Name.Contains("images", StringComparison.Ordinal) ? IdxBytes.Images(1, 2, 2) : IdxBytes.Labels(3));
        }

        Assert.Equal("kmnist", Find("kmnist")!.Name);
        Assert.Empty(_told);

        _directory.Write("kmnist/t10k-labels-idx1-ubyte", [1, 2, 3]);
        Assert.Null(Find("kmnist"));
        Assert.Contains("t10k-labels-idx1-ubyte", Assert.Single(_told));
    }

    /// <summary>What lies there on the coordinator's host may be anything on this one.</summary>
    [Fact]
    public void Find_Place_IsNotLookedAt()
    {
        Assert.Null(Find($"csv:{_directory.Write("a.csv", "label,x\n0,1\n1,2\n"u8.ToArray())}"));
        Assert.Null(Find("something-of-a-user's"));
        Assert.Empty(_told);
    }

    private Dataset? Find(string name) => new LocalDatasets(_ => null, _told.Add).Find(
        new DatasetSpec(name, "", TrainCount: 3, TestCount: 2, SampleSize: 4, ClassCount: 2), _directory.Path);
}
