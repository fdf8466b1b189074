using System.Security.Cryptography;
using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>
/// Datasets that came from a coordinator, one file per digest. A file is written beside its place, flushed and renamed, so it is whole or not
/// there; what is damaged later is found by its digest, removed, and fetched again.
/// </summary>
internal sealed class DatasetCache(string directory, ILogger log)
{
    private const string Extension = ".dataset";

    /// <summary>The digests in the cache, unverified.</summary>
    public IReadOnlyList<string> Digests()
    {
        try
        {
            return Directory.Exists(directory)
                ? [.. Directory.EnumerateFiles(directory, "*" + Extension).Select(path => Path.GetFileNameWithoutExtension(path)!).Order(StringComparer.Ordinal)]
                : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.CacheUnusable(log, directory, e.Message);
            return [];
        }
    }

    /// <summary>The dataset of a run, verified; null if it is not here or damaged.</summary>
    public Dataset? Read(DatasetSpec spec)
    {
        // It comes from the coordinator: one that is none could name a file elsewhere, which would be taken for a damaged one and deleted.
        if (!IsDigest(spec.Digest))
        {
            return null;
        }

        var path = PathOf(spec.Digest);
        try
        {
            if (!File.Exists(path))
            {
                return null;
            }

            // The length is compared before anything of that size is allocated.
            var dataset = new FileInfo(path).Length == DatasetBytes.Length(spec) ? DatasetBytes.Read(File.ReadAllBytes(path), spec) : null;
            if (dataset is null)
            {
                Log.CacheDamaged(log, path);
                File.Delete(path);
            }

            return dataset;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.CacheUnusable(log, path, e.Message);
            return null;
        }
    }

    /// <summary>Keeps verified bytes. A cache that cannot be written is a warning, no failure.</summary>
    public void Write(string digest, ReadOnlySpan<byte> bytes)
    {
        var path = PathOf(digest);
        var temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(directory);
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.CacheUnusable(log, path, e.Message);
            TryDelete(temporary);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What cannot be written often cannot be deleted either; the warning about the first says enough.
        }
    }

    private static bool IsDigest(string text) => text.Length == 2 * SHA256.HashSizeInBytes && text.All(char.IsAsciiHexDigitLower);

    private string PathOf(string digest) => Path.Combine(directory, digest + Extension);
}
