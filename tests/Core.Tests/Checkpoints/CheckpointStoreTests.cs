using System.Text;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Formats;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Checkpoints;

public sealed class CheckpointStoreTests
{
    private const string Directory = "/run/checkpoints";

    private readonly SimulatedDisk _disk = new();
    private readonly List<string> _warnings = [];

    public CheckpointStoreTests()
    {
        _disk.CreateDirectory("/run");
        Store = new CheckpointStore(_disk, Directory);
    }

    private CheckpointStore Store { get; }

    [Theory]
    [InlineData("sgd")]
    [InlineData("momentum")]
    [InlineData("adam")]
    public void Save_ThenLoad_GivesEveryBitBack(string optimizer)
    {
        using var snapshot = SmallRun.SnapshotAfter(15, optimizer);
        var path = Store.Save(snapshot, incarnation: ulong.MaxValue);
        Assert.Equal("/run/checkpoints/step-000000000015", path);
        Assert.Equal(
            ["manifest.json", "optimizer.safetensors", "parameters.safetensors", "state.json"], _disk.List(path));
        using var loaded = Store.Load(path);
        SmallRun.AssertEqual(snapshot, loaded.Snapshot);
        Assert.Equal((ulong.MaxValue, path), (loaded.Incarnation, loaded.Path));
    }

    [Fact]
    public void Save_ModelOfTheDeepestBlocks_IsReadBackAndOneDeeperIsRefused()
    {
        var spec = SmallRun.Spec();
        using var run = new SmallRun(Nested(BlockSpec.MaximumDepth));
        run.Train(1);
        using var snapshot = run.Snapshot();
        using var loaded = Store.Load(Store.Save(snapshot, incarnation: 1));
        SmallRun.AssertEqual(snapshot, loaded.Snapshot);
        var refused = Assert.Throws<InvalidInputException>(Nested(BlockSpec.MaximumDepth + 1).Validate);
        Assert.Contains("its blocks lie 17 inside of each other; at most 16 can.", refused.Message, StringComparison.Ordinal);

        RunSpec Nested(int depth)
        {
            LayerSpec layer = new ReluSpec();
            for (var i = 0; i < depth; i++)
            {
                layer = new ParallelSpec([[layer]]);
            }

            return spec with { Model = spec.Model with { Layers = [layer, .. spec.Model.Layers] } };
        }
    }

    /// <summary>In the warm-up, in a fall, at its end: the rates go on where they were.</summary>
    [Theory]
    [InlineData("lamb", ScheduleKind.Cosine, null)]
    [InlineData("adamw", ScheduleKind.Cosine, 13L)]
    [InlineData("momentum", ScheduleKind.Step, 4L)]
    public void Load_InMidSchedule_GoesOnInTheSameBits(string optimizer, ScheduleKind kind, long? decaySteps)
    {
        var plain = SmallRun.Spec(optimizer) with { Steps = 25 };
        var spec = plain with
        {
            Optimizer = plain.Optimizer with { WeightDecay = 0.01, ClipNorm = 0.1, Schedule = new ScheduleSpec(kind, WarmupSteps: 6, decaySteps) },
        };
        using var calm = new SmallRun(spec);
        calm.Train(25);
        foreach (var steps in new[] { 3, 6, 14, 22 })
        {
            using var run = new SmallRun(spec);
            run.Train(steps);
            using var snapshot = run.Snapshot();
            using var loaded = Store.Load(Store.Save(snapshot, incarnation: 1));
            using var resumed = new SmallRun(loaded.Snapshot.Spec, loaded.Snapshot);
            resumed.Train(25 - steps);
            Assert.Equal((steps, calm.Hash), (steps, resumed.Hash));
        }

        using var constant = new SmallRun(spec with { Optimizer = spec.Optimizer with { Schedule = null } });
        constant.Train(25);
        Assert.NotEqual(calm.Hash, constant.Hash);
    }

    /// <summary>Numbers that decimal text loses: NaN payloads, infinities, −0, subnormals.</summary>
    [Fact]
    public void Save_NumbersThatTextLoses_ComeBackBitForBit()
    {
        using var snapshot = SmallRun.SnapshotAfter(1, "adam");
        var odd = BitConverter.UInt64BitsToDouble(0xfff8_0000_dead_beef);
        snapshot.Progress = new TrainingProgress(
            double.NegativeInfinity, long.MaxValue, -0d, 3, odd, double.Epsilon, new Evaluation(double.NaN, 0.1), 1);
        (snapshot.OptimizerScalars[0], snapshot.OptimizerScalars[1]) = (-0d, Math.BitIncrement(0.1));
        using var loaded = Store.Load(Store.Save(snapshot, 1));
        SmallRun.AssertEqual(snapshot, loaded.Snapshot);
    }

    [Fact]
    public void Save_RealDisk_LoadsAndRetains()
    {
        using var temporary = new TemporaryDirectory();
        var store = new CheckpointStore(DiskFileSystem.Instance, Path.Combine(temporary.Path, "checkpoints"));
        using var run = new SmallRun("adam");
        for (var i = 0; i < 4; i++)
        {
            run.Train(1);
            using var snapshot = run.Snapshot();
            store.Save(snapshot, 1);
            store.Save(snapshot, 1);
        }

        store.Retain(2);
        Assert.Equal(["step-000000000003", "step-000000000004"], DiskFileSystem.Instance.List(store.Directory));
        using var loaded = store.LoadNewest(_warnings.Add);
        using var expected = run.Snapshot();
        SmallRun.AssertEqual(expected, loaded!.Snapshot);
        Assert.Empty(_warnings);
    }

    [Theory]
    [InlineData("parameters", float.NaN)]
    [InlineData("parameters", float.PositiveInfinity)]
    [InlineData("exp_avg_sq", float.NegativeInfinity)]
    public void Save_NotFinite_IsRefusedBeforeAnythingIsWritten(string where, float value)
    {
        using var snapshot = SmallRun.SnapshotAfter(2, "adam");
        (where == "parameters" ? snapshot.Parameters : snapshot.Slots[1]).Values[^1] = value;
        var operations = _disk.Operations;
        var refusal = Assert.Throws<NotFiniteException>(() => Store.Save(snapshot, 1));
        Assert.Contains(where, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(operations, _disk.Operations);
    }

    [Fact]
    public void Save_AgainAndOverADamagedOne_LeavesAWholeOne()
    {
        using var snapshot = SmallRun.SnapshotAfter(3);
        var path = Store.Save(snapshot, 1);
        var operations = _disk.Operations;
        Assert.Equal(path, Store.Save(snapshot, 1));
        // Only the directory is flushed.
        Assert.Equal(operations + 1, _disk.Operations);

        _disk[$"{path}/state.json"] = [.. _disk[$"{path}/state.json"].SkipLast(1)];
        Assert.Equal(path, Store.Save(snapshot, 2));
        Store.Retain(1);
        Assert.Equal(["step-000000000003"], _disk.List(Directory));
        using var loaded = Store.LoadNewest(_warnings.Add);
        SmallRun.AssertEqual(snapshot, loaded!.Snapshot);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Retain_DamagedOnes_DoNotCount()
    {
        SaveSteps(1, 2, 3, 4, 5, 6);
        Damage(6);
        Damage(4);
        Store.Retain(2);
        Assert.Equal(["step-000000000003", "step-000000000004", "step-000000000005", "step-000000000006"], _disk.List(Directory));
        Damage(3);
        Store.Retain(2);
        Store.Retain(1);
        Assert.Equal(["step-000000000005", "step-000000000006"], _disk.List(Directory));
        Damage(5);
        Store.Retain(1);
        Assert.Equal(["step-000000000005", "step-000000000006"], _disk.List(Directory));
        Assert.Null(Store.LoadNewest(_warnings.Add));
        Assert.Equal(2, _warnings.Count);
        Assert.Equal(0UL, Store.HighestIncarnation());
    }

    [Fact]
    public void Retain_LeftoversOfCrashes_AreDeletedAndOtherFilesAreNot()
    {
        SaveSteps(1);
        _disk.CreateDirectory($"{Directory}/tmp-save-step-000000000002/deeper");
        _disk[$"{Directory}/tmp-save-step-000000000002/state.json"] = [1];
        _disk[$"{Directory}/notes.txt"] = [1];
        _disk[$"{Directory}/step-1"] = [1];
        Store.Retain(1);
        Assert.Equal(["notes.txt", "step-000000000001", "step-1"], _disk.List(Directory));
    }

    [Fact]
    public void LoadNewest_NoDirectory_IsNull() => Assert.Null(Store.LoadNewest(_warnings.Add));

    [Fact]
    public void Load_Missing_IsRefused() =>
        Assert.Equal("There is no checkpoint /run/none.", Assert.Throws<InvalidInputException>(() => Store.Load("/run/none")).Message);

    /// <summary>S7: manifest and hashes are right, the content is foreign.</summary>
    [Theory]
    [InlineData("state.json", "\"units\": 4", "\"units\": 5", "parameters.safetensors: tensor '0.weight': its shape is (4, 6), but the model has (5, 6)")]
    [InlineData("state.json", "\"name\": \"momentum\"", "\"name\": \"adam\"", "state.json: the optimizer adam has 2 numbers")]
    [InlineData("state.json", "\"name\": \"momentum\"", "\"name\": \"nesterov\"", null)]
    [InlineData("state.json", "\"name\": \"momentum\"", "\"name\": \"adagrad\"", "optimizer.safetensors: holds another model's tensors: missing: sum.0.weight")]
    [InlineData("state.json", "\"name\": \"momentum\"", "\"name\": \"none\"", "state.json: Unknown optimizer 'none'")]
    [InlineData("state.json", "\"numericsRevision\": 1", "\"numericsRevision\": 2", "state.json: The run follows numerics revision 2")]
    [InlineData("state.json", "\"formatVersion\": 1", "\"formatVersion\": 2", "state.json: is of formatVersion 2, but this build reads 1")]
    [InlineData("state.json", "\"epoch\": 0", "\"epoch\": 1", "state.json: epoch 1 and position 10 do not follow")]
    [InlineData("state.json", "\"stepsDone\": 2", "\"stepsDone\": 2000", "state.json: stepsDone is 2000, but the run has 1000")]
    [InlineData("state.json", "\"chain\": \"", "\"chain\": \"0", "state.json: chain must be 32")]
    [InlineData("state.json", "\"incarnation\"", "\"more\": 1, \"incarnation\"", "state.json, line ")]
    [InlineData("state.json", "\"stepsDone\": 2", "\"stepsDone\":  2", "state.json: is damaged: it is not the text that DistTrain writes")]
    [InlineData("manifest.json", "\"formatVersion\": 1", "\"formatVersion\": 7", "manifest.json: is of formatVersion 7, but this build reads 1")]
    [InlineData("parameters.safetensors", "0.weight", "0.veight", "parameters.safetensors: holds another model's tensors")]
    [InlineData("parameters.safetensors", "[4,6]", "[6,4]", "parameters.safetensors: tensor '0.weight': its shape is (6, 4)")]
    public void Load_ForeignContentUnderARightManifest_IsRefusedNamingTheFile(string name, string from, string to, string? expected)
    {
        using var snapshot = SmallRun.SnapshotAfter(2);
        var path = Store.Save(snapshot, 1);
        var content = Encoding.Latin1.GetString(_disk[$"{path}/{name}"]);
        Assert.Contains(from, content, StringComparison.Ordinal);
        _disk[$"{path}/{name}"] = Encoding.Latin1.GetBytes(content.Replace(from, to, StringComparison.Ordinal));
        if (name != "manifest.json")
        {
            Reseal(_disk, path);
        }

        if (expected is null)
        {
            Store.Load(path).Dispose();
            return;
        }

        var refusal = Assert.Throws<InvalidInputException>(() => Store.Load(path));
        Assert.StartsWith($"{path}/{expected}", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ModelThatTheFilesCannotHold_IsRefusedByTheirSizeBeforeMemoryIsTaken()
    {
        using var snapshot = SmallRun.SnapshotAfter(2);
        var path = Store.Save(snapshot, 1);
        var state = Encoding.UTF8.GetString(_disk[$"{path}/state.json"]);
        _disk[$"{path}/state.json"] = Encoding.UTF8.GetBytes(state.Replace("\"units\": 4", "\"units\": 20000000", StringComparison.Ordinal));
        Reseal(_disk, path);
        Assert.Matches("parameters.safetensors: has [0-9]+ bytes, but the tensors of this run's model need 800000012", Assert.Throws<InvalidInputException>(() => Store.Load(path)).Message);
    }

    /// <summary>Writes the manifest that fits the files.</summary>
    internal static void Reseal(SimulatedDisk disk, string path) => disk[$"{path}/manifest.json"] = CheckpointManifest.Write(
        [.. CheckpointFormat.Files.Select(name => (Name: name, Content: disk[$"{path}/{name}"])).Select(file => new ManifestFile(
            file.Name, file.Content.Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(file.Content))))]);

    private void SaveSteps(params int[] steps)
    {
        using var run = new SmallRun();
        foreach (var step in steps)
        {
            run.Train(step - (int)run.State.StepsDone);
            using var snapshot = run.Snapshot();
            Store.Save(snapshot, 1);
        }
    }

    private void Damage(int step) => _disk[$"{Directory}/{CheckpointFormat.DirectoryName(step)}/optimizer.safetensors"] = [];
}
