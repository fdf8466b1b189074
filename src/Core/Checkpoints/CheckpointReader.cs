using System.Security.Cryptography;
using DistTrain.Core.Formats;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>
/// Reads one checkpoint, believing nothing: first the manifest, then each file's size and hash, then what the files say. Every refusal is an
/// <see cref="InvalidInputException"/> that names the first damaged file. No more memory is taken than the sizes found allow for.
/// </summary>
internal sealed class CheckpointReader(IFileSystem files, string path)
{
    /// <summary>Sizes and hashes of all files, and the state.</summary>
    public CheckpointState Verify()
    {
        if (!files.DirectoryExists(path))
        {
            throw new InvalidInputException($"There is no checkpoint {path}.");
        }

        var manifestPath = PathOf(CheckpointFormat.ManifestName);
        var manifest = CheckpointManifest.Read(ReadSmall(manifestPath, CheckpointFormat.MaximumManifestBytes), manifestPath);
        foreach (var file in manifest.Files)
        {
            VerifyFile(file);
        }

        var statePath = PathOf(CheckpointFormat.StateName);
        return CheckpointState.Read(ReadSmall(statePath, CheckpointFormat.MaximumStateBytes), statePath);
    }

    /// <summary>Everything.</summary>
    public LoadedCheckpoint Load()
    {
        var state = Verify();
        RequireRoom(state.Run);
        var snapshot = new TrainingSnapshot(state.Run);
        try
        {
            state.CopyTo(snapshot);
            ReadTensors(CheckpointFormat.ParametersName, [("", snapshot.Parameters)]);
            ReadTensors(CheckpointFormat.OptimizerName, OptimizerSets(snapshot));
            return new LoadedCheckpoint(snapshot, state.Incarnation, path);
        }
        catch
        {
            snapshot.Dispose();
            throw;
        }
    }

    /// <summary>The optimizer's slots under the names of their file, for example <c>momentum_buffer.0.weight</c>.</summary>
    public static IReadOnlyList<(string Prefix, ParameterSet Tensors)> OptimizerSets(TrainingSnapshot snapshot) =>
        [.. snapshot.SlotNames.Zip(snapshot.Slots, (name, slot) => (name + ".", slot))];

    /// <summary>A file that is small by its nature.</summary>
    private byte[] ReadSmall(string file, int maximumBytes) => Read(file, stream =>
    {
        if (stream.Length > maximumBytes)
        {
            throw new InvalidInputException($"{file}: has {stream.Length} bytes; at most {maximumBytes} are allowed.");
        }

        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    });

    private void VerifyFile(ManifestFile expected)
    {
        var file = PathOf(expected.Name);
        Read(file, stream =>
        {
            if (stream.Length != expected.Bytes)
            {
                throw new InvalidInputException($"{file}: is damaged: it has {stream.Length} bytes, but the manifest says {expected.Bytes}.");
            }

            var sha256 = Convert.ToHexStringLower(SHA256.HashData(stream));
            return sha256 == expected.Sha256
                ? true
                : throw new InvalidInputException($"{file}: is damaged: its SHA-256 is {sha256}, but the manifest says {expected.Sha256}.");
        });
    }

    /// <summary>A model that the files cannot hold is refused before memory is taken for it.</summary>
    private void RequireRoom(RunSpec run)
    {
        var bytes = (long)run.Model.ParameterLayout().Length * sizeof(float);
        RequireSize(CheckpointFormat.ParametersName, bytes);
        RequireSize(CheckpointFormat.OptimizerName, bytes * Optimizers.Optimizer.SlotNamesOf(run.Optimizer).Count);

        void RequireSize(string name, long dataBytes)
        {
            var file = PathOf(name);
            var present = Read(file, stream => stream.Length);
            if (present < dataBytes)
            {
                throw new InvalidInputException($"{file}: has {present} bytes, but the tensors of this run's model need {dataBytes}.");
            }
        }
    }

    private void ReadTensors(string name, IReadOnlyList<(string Prefix, ParameterSet Tensors)> sets)
    {
        var file = PathOf(name);
        Read(file, stream =>
        {
            SafeTensors.ReadInto(stream, file, sets);
            return true;
        });
    }

    private string PathOf(string name) => Path.Combine(path, name);

    private T Read<T>(string file, Func<Stream, T> read)
    {
        try
        {
            using var stream = files.OpenRead(file);
            return read(stream);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidInputException($"{file}: is missing.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{file}: cannot be read: {e.Message}", e);
        }
    }
}
