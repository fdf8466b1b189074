using System.Security.Cryptography;
using DistTrain.Core;
using DistTrain.Core.Data;

namespace DistTrain.Cli.Data;

/// <summary>
/// Downloads a dataset's files from the first mirror that has the published content. A file is held in memory until its SHA-256 is
/// right, then written beside its place, flushed to disk and renamed: nobody ever sees half a file or a wrong one.
/// </summary>
/// <param name="client">Does the requests; see <see cref="CreateClient"/>.</param>
/// <param name="report">Takes one line for people per file, and one per mirror that failed.</param>
/// <param name="limits">Time limits; null for the defaults.</param>
/// <param name="timeProvider">Measures them; null for the system's clock.</param>
public sealed class DatasetDownloader(
    HttpClient client, Action<string> report, DownloadLimits? limits = null, TimeProvider? timeProvider = null)
{
    // A gzip file may be larger than its content by its header and 5 bytes per stored block of 32 KiB or more.
    private const int GzipOverheadBytes = 1 << 16;
    private const int ReadBytes = 1 << 16;

    private readonly DownloadLimits _limits = limits ?? DownloadLimits.Default;
    private readonly TimeProvider _timeProvider = timeProvider ?? TimeProvider.System;

    /// <summary>A client that gives up on an unreachable host after ten seconds; other limits are <see cref="DownloadLimits"/>.</summary>
    public static HttpClient CreateClient()
    {
        var handler = new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(10) };
        var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.ParseAdd("disttrain");
        return client;
    }

    /// <summary>Makes a directory hold a dataset's files. Files that have the published content already are left alone.</summary>
    /// <param name="entry">The dataset, with its mirrors in the order to try.</param>
    /// <param name="directory">Where the files go, made if missing: <c>DIR/mnist</c>.</param>
    /// <param name="cancellation">Stops the download; finished files stay.</param>
    /// <exception cref="InvalidInputException">No mirror had a file, or the directory cannot be written.</exception>
    public async Task FetchAsync(DatasetEntry entry, string directory, CancellationToken cancellation)
    {
        if (entry.Mirrors.Count == 0 || entry.Files.Any(file => file is not { UnpackedBytes: not null, Sha256: not null }))
        {
            throw new InvalidInputException(
                $"Dataset '{entry.Name}' cannot be downloaded by this program: put {string.Join(", ", entry.Files.Select(file => file.Name))} "
                + $"(plain or gzipped with .gz) into '{directory}' yourself.");
        }
        foreach (var file in entry.Files)
        {
            var paths = DatasetDirectory.Candidates(directory, file);
            if (paths.FirstOrDefault(File.Exists) is { } present && HasPinnedContent(present, file)) continue;
            var content = await DownloadAsync(entry, file, directory, cancellation).ConfigureAwait(false);
            Save(paths, file.Name + ".gz", content);
        }
    }

    private static bool HasPinnedContent(string path, DatasetFile file)
    {
        try
        {
            return WhyNotPinned(File.OpenRead(path), file) is null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private async Task<byte[]> DownloadAsync(DatasetEntry entry, DatasetFile file, string directory, CancellationToken cancellation)
    {
        var failures = new List<string>();
        foreach (var mirror in entry.Mirrors)
        {
            var address = new Uri($"{mirror.AbsoluteUri.TrimEnd('/')}/{file.Name}.gz");
            report($"Downloading {address}");
            var (content, failure) = await TryMirrorAsync(address, file, cancellation).ConfigureAwait(false);
            if (content is not null) return content;
            failures.Add($"{address}: {failure}");
            report(failures[^1]);
        }
        throw new InvalidInputException(
            $"Could not download {file.Name} of dataset '{entry.Name}' from any mirror:"
            + string.Concat(failures.Select(failure => $"\n  {failure}"))
            + $"\nCheck the network and try again, or put the files into '{directory}' yourself and name the directory above it with "
            + "--data DIR.");
    }

    private async Task<(byte[]? Content, string Failure)> TryMirrorAsync(Uri address, DatasetFile file, CancellationToken cancellation)
    {
        using var silence = new CancellationTokenSource(_limits.Silence, _timeProvider);
        using var total = new CancellationTokenSource(_limits.Total, _timeProvider);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, total.Token, cancellation);
        try
        {
            using var response = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, any.Token).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode) return (null, $"the server answered {(int)response.StatusCode} {response.ReasonPhrase}");
            var limit = file.UnpackedBytes!.Value + GzipOverheadBytes;
            using var content = new MemoryStream();
            var body = await response.Content.ReadAsStreamAsync(any.Token).ConfigureAwait(false);
            await using var _ = body.ConfigureAwait(false);
            var buffer = new byte[ReadBytes];
            for (int count; (count = await body.ReadAsync(buffer, any.Token).ConfigureAwait(false)) > 0;)
            {
                if (content.Length + count > limit)
                    return (null, FormattableString.Invariant($"it sends more than the {limit} bytes the file can have"));
                content.Write(buffer, 0, count);
                silence.CancelAfter(_limits.Silence);
            }
            var bytes = content.ToArray();
            return WhyNotPinned(new MemoryStream(bytes, writable: false), file) is { } failure ? (null, failure) : (bytes, "");
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return (null, exception.Message);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return (null, total.IsCancellationRequested
                ? FormattableString.Invariant($"it took longer than {_limits.Total.TotalSeconds} s")
                : FormattableString.Invariant($"it sent nothing for {_limits.Silence.TotalSeconds} s"));
        }
    }

    /// <summary>Null when the content, unpacked, is the published one; else what is wrong with it. Closes the stream.</summary>
    private static string? WhyNotPinned(Stream source, DatasetFile file)
    {
        try
        {
            using var content = PlainOrGzip.Open(source);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[ReadBytes];
            var unpackedBytes = 0L;
            for (int count; (count = content.Read(buffer)) > 0;)
            {
                unpackedBytes += count;
                if (unpackedBytes > file.UnpackedBytes)
                    return FormattableString.Invariant($"it unpacks to more than the published {file.UnpackedBytes} bytes");
                hash.AppendData(buffer, 0, count);
            }
            var found = Convert.ToHexStringLower(hash.GetHashAndReset());
            return found == file.Sha256
                ? null
                : $"the SHA-256 of its unpacked content is {found}, the published one {file.Sha256}";
        }
        catch (InvalidDataException exception)
        {
            return $"its gzip data cannot be unpacked ({exception.Message})";
        }
    }

    /// <summary>Writes a verified file, and removes wrong content under the file's other name, which a loader might prefer.</summary>
    private void Save(IReadOnlyList<string> candidates, string name, byte[] content)
    {
        var path = candidates.Single(candidate => Path.GetFileName(candidate) == name);
        var temporary = $"{path}.{Path.GetRandomFileName()}.partial";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            try
            {
                using (var stream = new FileStream(temporary, FileMode.CreateNew))
                {
                    stream.Write(content);
                    stream.Flush(flushToDisk: true);
                }
                File.Move(temporary, path, overwrite: true);
            }
            finally
            {
                File.Delete(temporary);
            }
            foreach (var other in candidates.Where(candidate => candidate != path && File.Exists(candidate)))
            {
                File.Delete(other);
                report($"'{other}' did not have the published content and is replaced by '{path}'");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException(
                $"Cannot write '{path}': {exception.Message} Free or permit the place, or name another directory with --data DIR.",
                exception);
        }
    }
}
