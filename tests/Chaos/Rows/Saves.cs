using DistTrain.Chaos.Faults;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Chaos.Rows;

/// <summary>Checkpoints, through the store that runs use, in this process (S3, S4, S8).</summary>
internal static class Saves
{
    private const int TrainCount = 1_030;

    private static readonly Lazy<Dataset> Digits = new(() => SyntheticDigits.Create(TrainCount, 100));

    /// <summary>S3: the process is gone at every single operation of a save, in the middle of every write.</summary>
    public static Task CrashEverywhere(RowContext context)
    {
        using var before = Snapshot(steps: 3);
        using var after = Snapshot(steps: 4);
        var operations = 0;
        for (var left = 0; ; left++)
        {
            var path = Path.Combine(context.Directory, FormattableString.Invariant($"crash-{left}"));
            new CheckpointStore(DiskFileSystem.Instance, path).Save(before, incarnation: 1);
            var disk = new CrashingFileSystem(left);
            var isSaved = Crashes(() => new CheckpointStore(disk, path).Save(after, incarnation: 1));
            using (var found = new CheckpointStore(DiskFileSystem.Instance, path).LoadNewest(_ => { }))
            {
                var expected = isSaved ? "4" : "3 or 4";
                RowContext.Expect(found is not null, $"after a crash at operation {left} no checkpoint loads");
                RowContext.Expect(
                    found!.Snapshot.StepsDone == 4 || (!isSaved && found.Snapshot.StepsDone == 3), $"after a crash at operation {left} step {found.Snapshot.StepsDone} loads, not {expected}");
                var whole = found.Snapshot.StepsDone == 4 ? after : before;
                RowContext.Expect(found.Snapshot.Chain == whole.Chain && found.Snapshot.Parameters.Values.SequenceEqual(whole.Parameters.Values), "what loads has other bits");
            }

            // What the crash left behind must not be in the next one's way.
            new CheckpointStore(DiskFileSystem.Instance, path).Save(after, incarnation: 2);
            Directory.Delete(path, recursive: true);
            if (isSaved)
            {
                operations = left;
                break;
            }

            context.Fired();
        }

        context.Notes.Add($"crashed at each of the {operations} operations of a save: always the old or the new checkpoint");
        context.ExpectFired(10);
        return Task.CompletedTask;
    }

    /// <summary>S4: truncated at 200 places, 10⁴ bits flipped, files deleted and swapped: found each time, and the older one is taken.</summary>
    public static Task Damage(RowContext context)
    {
        const int Truncations = 200;
        const int Flips = 10_000;
        var store = new CheckpointStore(DiskFileSystem.Instance, Path.Combine(context.Directory, "damage"));
        using var older = Snapshot(steps: 3);
        using var newer = Snapshot(steps: 4);
        store.Save(older, incarnation: 1);
        var path = store.Save(newer, incarnation: 1);
        var files = Directory.GetFiles(path);
        var contents = files.ToDictionary(file => file, File.ReadAllBytes);
        var sizes = files.Select(file => contents[file].Length).ToArray();
        for (var i = 0; i < Flips + Truncations; i++)
        {
            // Weighted by size, but every file gets its share.
            var file = i % 2 == 0 ? files[context.Random.Next(files.Length)] : files[ByWeight(context.Random, sizes)];
            var content = contents[file];
            var at = context.Random.Next(content.Length);
            if (i < Flips)
            {
                Overwrite(file, at, (byte)(content[at] ^ (1 << context.Random.Next(8))));
                ExpectPassedOver(context, store, older, $"a bit of {Path.GetFileName(file)} at {at} flipped");
                Overwrite(file, at, content[at]);
            }
            else
            {
                File.WriteAllBytes(file, content.AsSpan(0, at));
                ExpectPassedOver(context, store, older, $"{Path.GetFileName(file)} cut off at {at}");
                File.WriteAllBytes(file, content);
            }
        }

        foreach (var file in files)
        {
            File.Delete(file);
            ExpectPassedOver(context, store, older, $"{Path.GetFileName(file)} deleted");
            foreach (var other in files.Where(other => other != file))
            {
                File.WriteAllBytes(file, contents[other]);
                ExpectPassedOver(context, store, older, $"{Path.GetFileName(file)} replaced by {Path.GetFileName(other)}");
            }

            File.WriteAllBytes(file, contents[file]);
        }

        using var whole = store.LoadNewest(warning => throw new RowFailedException($"what is whole is passed over: {warning}"));
        RowContext.Expect(whole?.Snapshot.StepsDone == 4, "the repaired checkpoint does not load");
        context.ExpectFired(Flips + Truncations + 4);
        return Task.CompletedTask;
    }

    /// <summary>S8: stopped and gone on with after every step from 1 to 50, over ends of epochs, with another number of threads.</summary>
    public static Task ResumeEverywhere(RowContext context)
    {
        const int Steps = 50;
        var spec = Spec(Steps);
        using var calm = Trainer.Run(spec, Digits.Value);
        for (var stop = 1; stop < Steps; stop++)
        {
            var store = new CheckpointStore(DiskFileSystem.Instance, Path.Combine(context.Directory, FormattableString.Invariant($"resume-{stop}")));
            using (var snapshot = Snapshot(stop))
            {
                store.Save(snapshot, incarnation: 1);
            }

            using var loaded = store.LoadNewest(warning => throw new RowFailedException(warning)) ?? throw new RowFailedException("nothing loads");
            using var resumed = Trainer.Run(spec, Digits.Value, threads: 1 + (stop % 3), options: new TrainerOptions { From = loaded.Snapshot });
            RowContext.Expect(
                resumed.Chain == calm.Chain && resumed.Parameters.Values.SequenceEqual(calm.Parameters.Values), $"O1: stopped after step {stop}, the run ends in other bits");
            context.Fired();
        }

        context.ExpectFired(Steps - 1);
        return Task.CompletedTask;
    }

    private static void ExpectPassedOver(RowContext context, CheckpointStore store, TrainingSnapshot older, string what)
    {
        var warnings = new List<string>();
        LoadedCheckpoint? found;
        try
        {
            found = store.LoadNewest(warnings.Add);
        }
        catch (Exception e)
        {
            throw new RowFailedException($"{what}: {e}");
        }

        using (found)
        {
            RowContext.Expect(found?.Snapshot.StepsDone == older.StepsDone, $"{what}: step {found?.Snapshot.StepsDone} loads");
            RowContext.Expect(warnings.Count == 1 && warnings[0].Contains("step-000000000004", StringComparison.Ordinal), $"{what}: the warning does not say which: {string.Join("; ", warnings)}");
        }

        context.Fired();
    }

    private static int ByWeight(Random random, int[] weights)
    {
        var at = random.Next(weights.Sum());
        for (var i = 0; ; i++)
        {
            at -= weights[i];
            if (at < 0)
            {
                return i;
            }
        }
    }

    private static void Overwrite(string path, int at, byte value)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Write);
        stream.Position = at;
        stream.WriteByte(value);
    }

    /// <returns>False if the process is gone before it is done.</returns>
    private static bool Crashes(Action act)
    {
        try
        {
            act();
            return true;
        }
        catch (CrashedException)
        {
            return false;
        }
    }

    private static RunSpec Spec(int steps) => new(
        ModelCatalog.MultiLayer("multi-layer", [32]),
        new DatasetSpec(Digits.Value.Name, Digits.Value.Digest, Digits.Value.Train.Count, Digits.Value.Test.Count, 784, 10),
        new OptimizerSpec("adam", 0.001f),
        BatchSize: 100,
        BaseRun.Shards,
        Seed: 7,
        Epochs: null,
        steps);

    /// <summary>The run after so many steps.</summary>
    private static TrainingSnapshot Snapshot(int steps)
    {
        using var state = Trainer.Run(Spec(steps), Digits.Value);
        // Of the longer run: its length is all that differs.
        var snapshot = new TrainingSnapshot(Spec(steps));
        state.CopyTo(snapshot);
        return snapshot;
    }
}
