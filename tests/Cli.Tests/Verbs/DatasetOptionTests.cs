using System.Globalization;
using DistTrain.Cli.Tests.Images;

namespace DistTrain.Cli.Tests.Verbs;

/// <summary>What a run learns from, through the options, with and without worker processes.</summary>
public sealed class DatasetOptionTests : IDisposable
{
    private readonly CommandRun _command = new();

    public DatasetOptionTests()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", Cache.Path);
        _command.Surroundings = _command.Surroundings with
        {
            LoadDataset = null,
            Self = ["dotnet", typeof(DistTrainCommand).Assembly.Location],
            ProcessStart = TimeProvider.System.GetUtcNow(),
        };
        _command.Write("xor.json", """{ "name": "xor", "input": [2], "layers": [ { "type": "affine", "units": 4 }, { "type": "tanh" }, { "type": "affine", "units": 2 } ] }""");
        _command.Write("numbers.json", """{ "name": "numbers", "input": [3], "layers": [ { "type": "affine", "units": 3 } ] }""");
        _command.Write("images.json", """{ "name": "images", "input": [1, 3, 4], "layers": [ { "type": "affine", "units": 2 } ] }""");
        _command.Write("color.json", """{ "name": "color", "input": [3, 32, 32], "layers": [ { "type": "affine", "units": 2 } ] }""");
        _command.Write("numbers.csv", "a,b,label,c\n" + string.Concat(Enumerable.Range(0, 60).Select(i => string.Create(
            CultureInfo.InvariantCulture, $"{(i * 7 % 11) - (i % 3)},{i % 3 * 0.5},{"xyz"[i % 3]},{-i * 0.25}\n"))));
        for (byte i = 0; i < 12; i++)
        {
            var path = _command.File($"pictures/{(i < 8 ? "train" : "test")}/{(i % 2 == 0 ? "even" : "odd")}/{i}.png");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, PngFolderTests.Grey(4, 3, [.. Enumerable.Range(0, 12).Select(j => (byte)(i * j * 5))]));
        }
    }

    public void Dispose() => _command.Dispose();

    /// <summary>A worker has none of these files under its own name: what lies at a path is sent to it.</summary>
    [Theory]
    [InlineData("--dataset gate-xor --model xor.json --batch-size 3 --steps 9")]
    [InlineData("--dataset csv:numbers.csv --model numbers.json --normalize 0,0.5,-7:4,1,5 --batch-size 13 --steps 9")]
    [InlineData("--dataset images:pictures --model images.json --normalize 0.5:0.25 --augment-shift 1 --augment-rotation 15 --augment-flip --batch-size 5 --steps 9")]
    public async Task Train_WithAndWithoutWorkers_GivesOneHash(string line)
    {
        string[] options = ["--shards", "3", .. line.Split(' ')];
        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "alone", .. options]));
        var alone = _command.Last.GetProperty("parametersSha256").GetString();

        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "run", "--workers", "2", .. options]));

        Assert.Equal(alone, _command.Last.GetProperty("parametersSha256").GetString());
        // Two that start together may both ask, or the second may find what the first kept.
        var wasAsked = File.ReadAllText(_command.File("run/worker-1.log")) + File.ReadAllText(_command.File("run/worker-2.log"));
        Assert.Equal(line.Contains(':', StringComparison.Ordinal), wasAsked.Contains("Asking the coordinator for dataset", StringComparison.Ordinal));
        Assert.Equal(0, await _command.RunAsync("evaluate", "alone", "--json"));
        Assert.Equal(alone, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal(0, await _command.RunAsync("replay", "--run", "run", "--step", "9"));
    }

    [Fact]
    public async Task Train_FromARunsFile_IsTheSameRun()
    {
        string[] options =
            ["--dataset", "images:pictures", "--model", "images.json", "--normalize", "0.5:0.25", "--augment-shift", "1", "--augment-flip", "--augment-rotation", "7.5", "--steps", "5"];
        Assert.Equal(0, await _command.RunAsync(["train", "--json", "--out", "run", .. options]));
        var hash = _command.Last.GetProperty("parametersSha256").GetString();
        Assert.Equal("7.5", _command.Spec("augmentation.rotationDegrees"));
        Assert.Equal("[1,3,4]", _command.Spec("dataset.shape").Replace(" ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));
        Assert.Equal($"images:{_command.File("pictures")}", _command.Spec("dataset.name"));

        Assert.Equal(0, await _command.RunAsync("train", "--json", "--out", "again", "--config", "run/run.json"));
        Assert.Equal(hash, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal(0, await _command.RunAsync("train", "--json", "--out", "other", "--config", "run/run.json", "--augment-shift", "0"));
        Assert.NotEqual(hash, _command.Last.GetProperty("parametersSha256").GetString());
        Assert.Equal(2, await _command.RunAsync("train", "--json", "--out", "run", "--resume", "auto", "--steps", "6", "--normalize", "0:1"));
        Assert.Contains("model.normalization.mean[0]: 0.5 in the checkpoint, 0 asked for", _command.Last.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("csv:numbers.csv", "50 + 10 samples", "(1, 1, 3) binary32 numbers, 3 classes")]
    [InlineData("images:pictures", "8 + 4 samples", "(1, 3, 4) bytes, 2 classes")]
    public async Task DataVerify_Place_SaysWhatLiesThere(string dataset, params string[] expected)
    {
        Assert.Equal(0, await _command.RunAsync("data", "verify", "--dataset", dataset));
        Assert.All(expected, part => Assert.Contains(part, _command.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("train --dataset csv:numbers.csv --model xor.json", "takes samples of shape (2,), but csv:", "has (1, 1, 3): 2 and 3 elements")]
    [InlineData("train --dataset images:pictures --model color.json", "takes samples of shape (3, 32, 32)", "has (1, 3, 4)")]
    [InlineData("train --dataset csv:nowhere.csv --model numbers.json", "nowhere.csv", "csv:TRAIN,TEST")]
    [InlineData("train --dataset csv:ragged.csv --model numbers.json", "ragged.csv', line 3, column 2: the row ends after 2 of the 4 cells")]
    [InlineData("train --dataset images:full --model images.json", "full", "DIR/train/CLASS/*.png")]
    [InlineData("train --dataset images:broken --model images.json", "1.png' is no PNG file that can be used")]
    [InlineData("train --dataset idx:full --model xor.json", "there is no train-images-idx3-ubyte")]
    [InlineData("train --dataset fashion-mnist --data full", "'fashion-mnist' is not complete in", "full/fashion-mnist", "--data DIR")]
    [InlineData("train --dataset csv:", "--dataset is 'csv:'", "csv:TRAIN,TEST")]
    [InlineData("train --dataset gate-xor --model xor.json --augment-shift 1", "leave it out")]
    [InlineData("train --dataset images:pictures --model images.json --augment-shift 3", "shift is 3; it must be from 0 to 2")]
    [InlineData("train --dataset images:pictures --model images.json --normalize 0,0:1,1", "normalization has 2 means")]
    [InlineData("train --normalize 0.5:0", "--normalize is '0.5:0'", "MEAN:STD")]
    [InlineData("train --augment-rotation 181", "--augment-rotation is '181'", "from 0 to 180")]
    [InlineData("train --augment-shift -1", "--augment-shift is '-1'")]
    [InlineData("data fetch --dataset kmnist --data full", "cannot be downloaded", "t10k-images-idx3-ubyte", "full/kmnist")]
    [InlineData("data fetch --dataset csv:numbers.csv", "nothing to fetch")]
    [InlineData("data verify --dataset cifar-10 --data full", "full/cifar-10", "data_batch_1.bin")]
    public async Task Command_WrongData_SaysWhatWhereAndHow_AndExitsWith2(string line, params string[] expected)
    {
        Directory.CreateDirectory(_command.File("full"));
        _command.Write("ragged.csv", "a,b,label,c\n1,2,x,3\n1,2\n");
        foreach (var path in new[] { "broken/train/a/1.png", "broken/train/b/1.png", "broken/test/a/1.png" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_command.File(path))!);
            _command.Write(path, "no image");
        }

        Assert.Equal(2, await _command.RunAsync(line.Split(' ')));

        Assert.All(expected, part => Assert.Contains(part, _command.Error, StringComparison.Ordinal));
        Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal("", _command.Output);
    }
}
