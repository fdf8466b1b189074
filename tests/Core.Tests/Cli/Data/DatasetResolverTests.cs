using DistTrain.Cli.Data;
using DistTrain.Core.Data;
using DistTrain.Core.Tests.Data;

namespace DistTrain.Core.Tests.Cli.Data;

public sealed class DatasetResolverTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Dictionary<string, string> _environment = [];
    private readonly List<string> _warnings = [];
    private readonly List<string> _fetched = [];
    private bool _isOnline = true;

    public DatasetResolverTests()
    {
        _environment["XDG_CACHE_HOME"] = Cache;
        _environment["LOCALAPPDATA"] = Cache;
    }

    private string Cache => Path.Combine(_directory.Path, "cache");

    private string CachedMnist => Path.Combine(Cache, "disttrain", "mnist");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task ResolveAsync_DataOption_BeatsEverything()
    {
        _environment["DISTTRAIN_DATA"] = MakeMnist("from-environment");
        MakeMnist("cache/disttrain");
        var resolved = await ResolveAsync("mnist", MakeMnist("from-option"));
        Assert.Equal(Path.Combine(_directory.Path, "from-option", "mnist"), resolved.Dataset.Name);
        Assert.Equal($"Dataset 'mnist' comes from '{resolved.Dataset.Name}' (named by --data).", resolved.Origin);
    }

    [Fact]
    public async Task ResolveAsync_EnvironmentVariable_BeatsTheCache()
    {
        _environment["DISTTRAIN_DATA"] = MakeMnist("from-environment");
        MakeMnist("cache/disttrain");
        Assert.Contains("named by DISTTRAIN_DATA", (await ResolveAsync(null, null)).Origin);
    }

    [Fact]
    public async Task ResolveAsync_Cached_DoesNotDownload()
    {
        MakeMnist("cache/disttrain");
        Assert.Contains("the user's cache", (await ResolveAsync(null, null)).Origin);
        Assert.Empty(_fetched);
        Assert.Empty(_warnings);
    }

    [Fact]
    public async Task ResolveAsync_NothingLocal_DownloadsIntoTheCache()
    {
        var resolved = await ResolveAsync("mnist", null);
        Assert.Equal([CachedMnist], _fetched);
        Assert.Equal($"Dataset 'mnist' comes from '{CachedMnist}' (just downloaded).", resolved.Origin);
    }

    [Fact]
    public async Task ResolveAsync_CacheDamaged_SaysSoAndDownloadsAgain()
    {
        MakeMnist("cache/disttrain");
        File.WriteAllText(Path.Combine(CachedMnist, "t10k-labels-idx1-ubyte"), "damaged");
        Assert.Contains("just downloaded", (await ResolveAsync(null, null)).Origin);
        Assert.Contains("downloaded again", Assert.Single(_warnings));
    }

    [Fact]
    public async Task ResolveAsync_DefaultChoiceOffline_FallsBackToSyntheticLoudly()
    {
        _isOnline = false;
        var resolved = await ResolveAsync(null, null);
        Assert.Equal(SyntheticDigits.TrainCount, resolved.Dataset.Train.Count);
        Assert.Equal("Dataset 'synthetic' is drawn by this program.", resolved.Origin);
        var warning = Assert.Single(_warnings);
        Assert.StartsWith("NOT THE REAL DATA", warning);
        Assert.Contains("no network here", warning);
    }

    [Fact]
    public async Task ResolveAsync_ExplicitMnistOffline_IsAnError()
    {
        _isOnline = false;
        Assert.Equal("no network here", (await Assert.ThrowsAsync<InvalidInputException>(() => ResolveAsync("mnist", null))).Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ResolveAsync_NamedDirectoryWithoutTheData_IsAnErrorEvenForTheDefaultChoice(bool byOption)
    {
        MakeMnist("cache/disttrain");
        if (!byOption) _environment["DISTTRAIN_DATA"] = "no-such-directory";
        var error = await Assert.ThrowsAsync<InvalidInputException>(() => ResolveAsync(null, byOption ? "no-such-directory" : null));
        Assert.Contains(Path.Combine("no-such-directory", "mnist"), error.Message);
        Assert.Empty(_fetched);
    }

    [Fact]
    public async Task ResolveAsync_ExplicitSynthetic_NeedsNoFileAndWarnsOfNothing()
    {
        var resolved = await ResolveAsync("synthetic", null);
        Assert.Equal(("synthetic", 60_000, 10_000), (resolved.Dataset.Name, resolved.Dataset.Train.Count, resolved.Dataset.Test.Count));
        Assert.Empty(_warnings);
    }

    [Fact]
    public async Task ResolveAsync_UnknownName_IsAnError() =>
        await Assert.ThrowsAsync<InvalidInputException>(() => ResolveAsync("imagenet", null));

    [Theory]
    [InlineData(false, "/xdg", "/home/a", "/xdg/disttrain")]
    [InlineData(false, "relative", "/home/a", "/home/a/.cache/disttrain")]
    [InlineData(false, "", "/home/a", "/home/a/.cache/disttrain")]
    [InlineData(true, "/local", "/home/a", "/local/disttrain")]
    public void UserCacheDirectory_EachPlatform_FollowsItsRule(bool isWindows, string cache, string home, string expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the paths are written as on Unix");
        Assert.Equal(expected, UserCache.Directory(variable => variable switch
        {
            "XDG_CACHE_HOME" => isWindows ? "/wrong" : cache,
            "LOCALAPPDATA" => isWindows ? cache : "/wrong",
            "HOME" => home,
            _ => null,
        }, isWindows));
    }

    [Fact]
    public void UserCacheDirectory_NoHome_IsBelowTheTemporaryDirectory() =>
        Assert.Equal(Path.Combine(Path.GetTempPath(), "disttrain"), UserCache.Directory(_ => null, isWindows: false));

    [Fact]
    public async Task ResolveAsync_Place_IsReadFromThere()
    {
        var csv = _directory.Write("a.csv", "label,x\n0,1\n1,2\n"u8.ToArray());
        Assert.Equal($"csv:{csv}", (await ResolveAsync($"csv:{csv}", null)).Dataset.Name);
        Assert.Equal(1, (await ResolveAsync($"idx:{MakeMnist("somewhere")}/mnist", null)).Dataset.Test.Count);
        Assert.Equal("images:there", (await ResolveAsync("images:there", null)).Dataset.Name);
        Assert.Empty(_fetched);
    }

    [Fact]
    public async Task ResolveAsync_Gate_NeedsNoFile() => Assert.Equal(4, (await ResolveAsync("gate-xor", "no-such-directory")).Dataset.Train.Count);

    /// <summary>Nobody has pinned its content, so nobody downloads it.</summary>
    [Fact]
    public async Task ResolveAsync_SetWithoutMirror_IsReadFromTheCacheOrMissing()
    {
        var error = await Assert.ThrowsAsync<InvalidInputException>(() => new DatasetResolver(_environment.GetValueOrDefault, FetchAsync, _warnings.Add, ReadImages)
            .ResolveAsync("kmnist", null, TestContext.Current.CancellationToken));
        Assert.Contains(Path.Combine(Cache, "disttrain", "kmnist"), error.Message);
        Assert.Empty(_fetched);
        Assert.Empty(_warnings);
    }

    private static Dataset ReadImages(string name, string directory)
    {
        Assert.Equal("there", directory);
        return new Dataset(name, new([1], [0], 1, 1, 1, 2), new([1], [0], 1, 1, 1, 2));
    }

    private Task<ResolvedDataset> ResolveAsync(string? name, string? dataDirectory) =>
        new DatasetResolver(_environment.GetValueOrDefault, FetchAsync, _warnings.Add, ReadImages, Load)
            .ResolveAsync(name, dataDirectory, TestContext.Current.CancellationToken);

    private Task FetchAsync(DatasetEntry entry, string directory, CancellationToken cancellation)
    {
        if (!_isOnline) throw new InvalidInputException("no network here");
        _fetched.Add(directory);
        MakeMnist("cache/disttrain");
        return Task.CompletedTask;
    }

    /// <summary>Loads tiny files, and names the dataset after its directory so that tests see which one was taken.</summary>
    private static Dataset Load(DatasetEntry entry, string directory)
    {
        Assert.Equal(entry.Name, Path.GetFileName(directory));
        var dataset = DatasetDirectory.LoadMnist(directory, requirePinnedContent: false);
        return new Dataset(directory, dataset.Train, dataset.Test);
    }

    private string MakeMnist(string dataDirectory)
    {
        foreach (var file in DatasetCatalog.Mnist.Files)
        {
            _directory.Write(Path.Combine(dataDirectory, "mnist", file.Name),
                file.Name.Contains("images", StringComparison.Ordinal) ? IdxBytes.Images(1, 2, 2) : IdxBytes.Labels(3));
        }
        return Path.Combine(_directory.Path, dataDirectory);
    }
}
