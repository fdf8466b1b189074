using System.Diagnostics;
using System.Text;
using CsCheck;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Checkpoints;

/// <summary>S4 and H5 of the fault matrix: whatever happens to a checkpoint's bytes is found, named, and answered with the one before.</summary>
public sealed class CheckpointDamageTests : IDisposable
{
    private const string Directory = "/run/checkpoints";
    private const string Newest = Directory + "/step-000000000004";

    private readonly TrainingSnapshot _old;
    private readonly SimulatedDisk _disk = new();
    private readonly CheckpointStore _store;

    public CheckpointDamageTests()
    {
        using var run = new SmallRun("momentum");
        _disk.CreateDirectory("/run");
        _store = new CheckpointStore(_disk, Directory);
        run.Train(3);
        _old = run.Snapshot();
        _store.Save(_old, 1);
        run.Train(1);
        using var newest = run.Snapshot();
        _store.Save(newest, 1);
    }

    [Fact]
    public void LoadNewest_AnyBitFlipped_IsFoundAndFallsBack()
    {
        const int Flips = 10_000;
        var files = _disk.List(Newest).Select(name => (Name: name, Content: _disk[$"{Newest}/{name}"])).ToList();
        var bits = files.Sum(file => file.Content.Length * 8L);
        var bytesHit = new HashSet<(string, int)>();
        for (var i = 0; i < Flips; i++)
        {
            var bit = i * bits / Flips;
            var file = files.First(file => (bit -= file.Content.Length * 8L) < 0);
            var place = (int)(bit + (file.Content.Length * 8L));
            var damaged = file.Content.ToArray();
            damaged[place / 8] ^= (byte)(1 << (place % 8));
            AssertFallsBack(file.Name, damaged, $"bit {place}");
            bytesHit.Add((file.Name, place / 8));
        }

        Assert.Equal(files.Sum(file => file.Content.Length), bytesHit.Count);
    }

    [Fact]
    public void LoadNewest_CutAnywhere_IsFoundAndFallsBack()
    {
        const int Cuts = 200;
        var files = _disk.List(Newest).Select(name => (Name: name, Content: _disk[$"{Newest}/{name}"])).ToList();
        for (var i = 0; i < Cuts; i++)
        {
            var (name, content) = files[i % files.Count];
            var cuts = Cuts / files.Count;
            AssertFallsBack(name, content[..(int)((long)(i / files.Count) * content.Length / cuts)], $"cut {i}");
        }
    }

    [Fact]
    public void LoadNewest_DeletedEmptyLongerOrSwappedFiles_IsFoundAndFallsBack()
    {
        var cases = 0;
        foreach (var name in _disk.List(Newest))
        {
            var content = _disk[$"{Newest}/{name}"];
            AssertFallsBack(name, null, "deleted");
            AssertFallsBack(name, [], "empty");
            AssertFallsBack(name, [.. content, (byte)'\n'], "longer");
            AssertFallsBack(name, new byte[content.Length], "zeros");
            cases += 4;
            foreach (var other in _disk.List(Newest).Where(other => other != name))
            {
                AssertFallsBack(name, _disk[$"{Newest}/{other}"], $"replaced by {other}");
                cases++;
            }

            // From the checkpoint before; a whole manifest then contradicts the files, of which the first is named.
            AssertFallsBack(name, _disk[$"{Directory}/step-000000000003/{name}"], "older", name == "manifest.json" ? "parameters.safetensors" : name);
            cases++;
        }

        Assert.Equal(32, cases);
    }

    [Fact]
    public void LoadNewest_UnreadableDisk_FallsBack()
    {
        _disk.Before = (call, path) =>
        {
            if (call == DiskCall.Read && path == $"{Newest}/state.json")
            {
                throw new IOException("Input/output error");
            }
        };
        AssertFallsBack("state.json", _disk[$"{Newest}/state.json"], "unreadable");
    }

    /// <summary>H5: below the manifest's protection the readers stand alone.</summary>
    [Fact]
    public void Load_AnythingInStateUnderARightManifest_IsReadOrRefused()
    {
        var whole = _disk[$"{Newest}/state.json"];
        var watch = Stopwatch.StartNew();
        var (read, refused) = (0, 0);
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Int[0, 4], Gen.Byte, Gen.Int[0, 40]).Sample((place, kind, value, length) =>
        {
            var damaged = Mutate(whole, place, kind, value, length);
            try
            {
                _ = CheckpointState.Read(damaged, "state.json");
                Interlocked.Increment(ref read);
            }
            catch (InvalidInputException e)
            {
                Assert.StartsWith("state.json", e.Message, StringComparison.Ordinal);
                Interlocked.Increment(ref refused);
            }
        }, iter: 20_000);
        Assert.True(read > 0 && refused > 1000, $"{read} read, {refused} refused");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(60));
    }

    [Fact]
    public void Read_AnythingAsManifest_IsRefusedUnlessItIsTheManifest()
    {
        var whole = _disk[$"{Newest}/manifest.json"];
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Int[0, 4], Gen.Byte, Gen.Int[0, 40]).Sample((place, kind, value, length) =>
        {
            var damaged = Mutate(whole, place, kind, value, length);
            if (!damaged.AsSpan().SequenceEqual(whole))
            {
                Assert.Throws<InvalidInputException>(() => CheckpointManifest.Read(damaged, "manifest.json"));
            }
        }, iter: 20_000);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"formatVersion\": 1}")]
    [InlineData("{\"formatVersion\": \"1\"}")]
    [InlineData("{\"formatVersion\": 1, \"files\": null, \"checksum\": null}")]
    [InlineData("{\"formatVersion\": 1, \"files\": [null], \"checksum\": \"\"}")]
    [InlineData("{\"\\ud800\": 1}")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[")]
    public void Read_OddDocuments_AreRefused(string text)
    {
        Assert.Throws<InvalidInputException>(() => CheckpointManifest.Read(Encoding.UTF8.GetBytes(text), "manifest.json"));
        Assert.Throws<InvalidInputException>(() => CheckpointState.Read(Encoding.UTF8.GetBytes(text), "state.json"));
    }

    public void Dispose() => _old.Dispose();

    private static byte[] Mutate(byte[] whole, int place, int kind, byte value, int length)
    {
        var end = Math.Min(place + length, whole.Length);
        return kind switch
        {
            0 => [.. whole[..place], value, .. whole[(place + 1)..]],
            1 => [.. whole[..place], .. whole[end..]],
            2 => [.. whole[..place], .. whole[place..end], .. whole[place..]],
            3 => [.. whole[..place], .. Encoding.UTF8.GetBytes(value < 128 ? "null" : "-1e999"), .. whole[end..]],
            _ => [.. whole[..place], (byte)"0123456789{}[]\",:"[value % 17], .. whole[(place + 1)..]],
        };
    }

    private void AssertFallsBack(string name, byte[]? content, string what, string? blamed = null)
    {
        var path = $"{Newest}/{name}";
        var whole = _disk[path];
        if (content is null)
        {
            _disk.Remove(path);
        }
        else
        {
            _disk[path] = content;
        }

        var warnings = new List<string>();
        using var loaded = _store.LoadNewest(warnings.Add);
        _disk[path] = whole;
        Assert.True(loaded?.Snapshot.StepsDone == 3, $"{name}, {what}: loaded {loaded?.Snapshot.StepsDone}");
        Assert.True(
            warnings.Count == 1 && warnings[0].StartsWith($"The checkpoint step-000000000004 is passed over: {Newest}/{blamed ?? name}", StringComparison.Ordinal),
            $"{name}, {what}: {string.Join('\n', warnings)}");
        SmallRun.AssertEqual(_old, loaded!.Snapshot);
    }
}
