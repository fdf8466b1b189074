using System.Buffers.Binary;
using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>
/// The hash chain of a run on disk: 16 bytes (<see cref="HashChain"/>, big-endian) for each version of the parameters, that of version v at
/// byte 16·v. 16 zero bytes say that the hash is not known.
/// </summary>
/// <param name="files">The disk.</param>
/// <param name="path">The file.</param>
public sealed class HashChainLog(IFileSystem files, string path) : IDisposable
{
    private readonly RecordLog _log = new(files, path, leavesHole: true);
    private long _next;

    /// <summary>The file.</summary>
    public string Path => _log.Path;

    /// <summary>The bytes not yet durable.</summary>
    internal int PendingBytes => _log.PendingBytes;

    /// <summary>
    /// Goes on at a version: what is there of later ones is cut off. What should be there of earlier ones and is not becomes unknown, with a
    /// warning; so does all of it, if the file holds another chain.
    /// </summary>
    /// <param name="version">The steps behind the parameters.</param>
    /// <param name="chain">The chain up to them.</param>
    /// <param name="warn">Told what is missing or wrong.</param>
    /// <exception cref="IOException">The file cannot be read or written.</exception>
    public void Begin(long version, UInt128 chain, Action<string> warn)
    {
        var (length, found) = Look(version);
        var end = version * HashChain.SizeBytes;
        _next = version;
        if (found == chain)
        {
            _log.Begin(end + HashChain.SizeBytes);
            _next++;
            return;
        }

        if (found is { } other)
        {
            warn($"{path}: is damaged or another run's: version {version} has hash {other:x32}, but the checkpoint {chain:x32}. Those before it are now unknown.");
            length = 0;
        }
        else if (length > 0)
        {
            warn($"{path}: ends before version {version}, from which the run goes on; the hashes between are unknown.");
        }

        // First to a whole entry; from there on the file grows by zeros.
        _log.Begin(Math.Min(end, length - (length % HashChain.SizeBytes)));
        _log.Begin(end);
        Append(version, chain);
    }

    /// <summary>Adds the next version's hash, in memory.</summary>
    /// <exception cref="ArgumentException">It is not the next one.</exception>
    public void Append(long version, UInt128 chain)
    {
        if (version != _next)
        {
            throw new ArgumentException($"The chain has come to version {_next}, but got {version}.", nameof(version));
        }

        Span<byte> entry = stackalloc byte[HashChain.SizeBytes];
        BinaryPrimitives.WriteUInt128BigEndian(entry, chain);
        _log.Append(entry);
        _next++;
    }

    /// <summary>Makes durable what has been appended. After a failure nothing is lost, and the next call tries again.</summary>
    /// <exception cref="IOException">The disk is full or fails.</exception>
    public void Flush() => _log.Flush();

    /// <summary>The chain of a run, by version; 0 is unknown. The last, half written entry of a run that goes on is left out.</summary>
    /// <exception cref="InvalidInputException">The file is missing or cannot be read.</exception>
    public static UInt128[] ReadAll(IFileSystem files, string path)
    {
        try
        {
            using var stream = files.OpenRead(path);
            var count = stream.Length / HashChain.SizeBytes;
            if (count > Array.MaxLength / HashChain.SizeBytes)
            {
                throw new InvalidInputException($"{path}: is too long to be a hash chain: {stream.Length} bytes.");
            }

            var bytes = new byte[count * HashChain.SizeBytes];
            stream.ReadExactly(bytes);
            var chain = new UInt128[count];
            for (var i = 0; i < count; i++)
            {
                chain[i] = BinaryPrimitives.ReadUInt128BigEndian(bytes.AsSpan(i * HashChain.SizeBytes));
            }

            return chain;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidInputException($"{path}: is missing: the run has not begun to record its steps, or the file was lost.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _log.Dispose();

    /// <summary>The hashes that had to be given up since this was asked last.</summary>
    internal long TakeDropped() => _log.TakeDropped() / HashChain.SizeBytes;

    private (long Length, UInt128? Found) Look(long version)
    {
        try
        {
            using var stream = files.OpenRead(path);
            if (stream.Length < (version + 1) * HashChain.SizeBytes)
            {
                return (stream.Length, null);
            }

            Span<byte> entry = stackalloc byte[HashChain.SizeBytes];
            stream.Position = version * HashChain.SizeBytes;
            stream.ReadExactly(entry);
            return (stream.Length, BinaryPrimitives.ReadUInt128BigEndian(entry));
        }
        catch (FileNotFoundException)
        {
            return (0, null);
        }
    }
}
