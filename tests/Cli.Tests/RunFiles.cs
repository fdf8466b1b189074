using System.Security.Cryptography;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Tests;

/// <summary>What tests do to run directories from outside.</summary>
internal static class RunFiles
{
    /// <summary>The steps after which the runs of these tests have checkpoints; the last is their end.</summary>
    public static IReadOnlyList<int> Stops { get; } = [3, 6, 7];

    /// <summary>Every file below a directory, with its content and the time it was written. A lock may not even be read while somebody holds it.</summary>
    public static IReadOnlyList<(string Name, string Content, DateTime Written)> Snapshot(string directory) =>
    [
        .. Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => (path, File.Exists(path) && Path.GetFileName(path) != "lock" ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path))) : "", File.GetLastWriteTimeUtc(path))),
    ];

    /// <summary>Flips a bit in the middle of a file.</summary>
    public static void Damage(string path)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    /// <summary>Fills one entry of a hash chain with a byte; 0 makes it unknown.</summary>
    public static void ChangeChain(string path, int version, byte value)
    {
        var bytes = File.ReadAllBytes(path);
        bytes.AsSpan(version * HashChain.SizeBytes, HashChain.SizeBytes).Fill(value);
        File.WriteAllBytes(path, bytes);
    }

    public static void Copy(string from, string to)
    {
        foreach (var path in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, path));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(path, target);
        }
    }

    /// <summary>Trains in stages, so that there is a checkpoint after each of <see cref="Stops"/>.</summary>
    public static async Task TrainAsync(CommandRun command, string name, params string[] options)
    {
        foreach (var stop in Stops)
        {
            Assert.Equal(0, await command.RunAsync(["train", "--json", "--out", name, "--resume", "auto", "--keep-checkpoints", "9", "--steps", $"{stop}", .. options]));
        }
    }

    /// <summary>The same run in another directory, with a parameter changed after a step: what a worker that lied would have led to.</summary>
    public static async Task LieAsync(CommandRun command, string honest, string wrong, long wrongAfter)
    {
        Directory.CreateDirectory(command.File(wrong));
        var path = command.File($"{wrong}/run.json");
        File.Copy(command.File($"{honest}/run.json"), path);
        var spec = SpecJson.ReadRun(await File.ReadAllTextAsync(path), path);
        var loaded = await command.Surroundings.Load(spec.Dataset.Name, null, CancellationToken.None);
        foreach (var stop in Stops)
        {
            using var journal = RunJournal.Open(
                DiskFileSystem.Instance, command.File(wrong), new RunHolder("alpha", 1, DateTimeOffset.UnixEpoch), new JournalOptions(KeepCheckpoints: 9), _ => { });
            using var from = journal.LoadNewest();
            var options = new TrainerOptions { From = from?.Snapshot, Recorder = journal };
            Trainer.Run(spec with { Steps = stop }, loaded.Dataset, observer: new Liar(wrongAfter), options: options).Dispose();
        }
    }

    private sealed class Liar(long wrongAfter) : ITrainingObserver
    {
        public void StepDone(long stepsDone, TrainingState state)
        {
            if (stepsDone == wrongAfter)
            {
                state.Parameters.Values[1] += 0.5f;
            }
        }

        public void EvaluationStarted(long stepsDone)
        {
        }

        public void EvaluationDone(long stepsDone, TrainingState state)
        {
        }
    }
}
