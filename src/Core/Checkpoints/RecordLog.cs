namespace DistTrain.Core.Checkpoints;

/// <summary>
/// The end of a file that grows by records. Appending copies into memory; flushing, on whatever thread, makes all of it durable. What has
/// not been made durable is kept, and written again, through a new descriptor, after a failure; up to a bound, beyond which it is dropped.
/// </summary>
/// <param name="files">The disk.</param>
/// <param name="path">The file.</param>
/// <param name="leavesHole">Whether records dropped leave their place empty (zeros) or none.</param>
/// <param name="maximumBytes">The most kept in memory.</param>
internal sealed class RecordLog(IFileSystem files, string path, bool leavesHole, int maximumBytes = RecordLog.DefaultMaximumBytes) : IDisposable
{
    /// <summary>A million steps and more, on a disk that does not answer.</summary>
    public const int DefaultMaximumBytes = 64 << 20;

    private const int InitialBytes = 4 << 10;

    private readonly Lock _gate = new();
    private readonly Lock _flushGate = new();
    private byte[] _pending = new byte[InitialBytes];
    private byte[] _spare = new byte[InitialBytes];
    private int _count;
    private long _start;
    private long _dropped;
    private IWritableFile? _file;

    /// <summary>The file.</summary>
    public string Path => path;

    /// <summary>The bytes not yet durable.</summary>
    public int PendingBytes
    {
        get
        {
            lock (_gate)
            {
                return _count;
            }
        }
    }

    /// <summary>Begins at a place of the file, and cuts off what is behind it.</summary>
    public void Begin(long position)
    {
        lock (_flushGate)
        {
            CloseFile();
            var isNew = !Exists();
            _file = files.OpenWrite(path);
            if (_file.Stream.Length > position)
            {
                _file.Stream.SetLength(position);
            }

            if (isNew)
            {
                files.FlushDirectory(System.IO.Path.GetDirectoryName(path)!);
            }

            lock (_gate)
            {
                (_start, _count) = (position, 0);
            }
        }
    }

    /// <summary>Adds a record.</summary>
    public void Append(ReadOnlySpan<byte> record)
    {
        lock (_gate)
        {
            if (_count + record.Length > maximumBytes)
            {
                _start += leavesHole ? _count : 0;
                _dropped += _count;
                _count = 0;
            }

            EnsureRoom(_count + record.Length);
            record.CopyTo(_pending.AsSpan(_count));
            _count += record.Length;
        }
    }

    /// <summary>The bytes dropped since this was asked last.</summary>
    public long TakeDropped()
    {
        lock (_gate)
        {
            var dropped = _dropped;
            _dropped = 0;
            return dropped;
        }
    }

    /// <summary>Makes durable what has been appended. After a failure it is all still here, and the next call tries again.</summary>
    /// <exception cref="IOException">The disk is full or fails.</exception>
    public void Flush()
    {
        lock (_flushGate)
        {
            byte[] bytes;
            int count;
            long start;
            lock (_gate)
            {
                if (_count == 0)
                {
                    return;
                }

                (bytes, count, start) = (_pending, _count, _start);
                (_pending, _count, _start) = (_spare, 0, start + count);
            }

            var written = false;
            try
            {
                _file ??= files.OpenWrite(path);
                _file.Stream.Position = start;
                _file.Stream.Write(bytes, 0, count);
                _file.FlushToDisk();
                written = true;
            }
            finally
            {
                PutBack(bytes, count, start, written);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_flushGate)
        {
            CloseFile();
        }
    }

    private void PutBack(byte[] bytes, int count, long start, bool written)
    {
        lock (_gate)
        {
            if (written)
            {
                _spare = bytes;
                return;
            }

            // What came in the meantime goes behind it, unless both are too much.
            if (count + _count <= maximumBytes && _start == start + count)
            {
                var later = _pending.AsSpan(0, _count);
                (_pending, _spare) = (bytes, _pending);
                EnsureRoom(count + later.Length, count);
                later.CopyTo(_pending.AsSpan(count));
                (_start, _count) = (start, count + later.Length);
            }
            else
            {
                _dropped += count;
                _start -= leavesHole ? 0 : count;
                _spare = bytes;
            }
        }

        // This descriptor must not be flushed again: see IWritableFile.FlushToDisk.
        CloseFile();
    }

    private void EnsureRoom(int length) => EnsureRoom(length, _count);

    private void EnsureRoom(int length, int used)
    {
        if (length > _pending.Length)
        {
            var larger = new byte[Math.Max(length, (int)Math.Min(2L * _pending.Length, maximumBytes))];
            _pending.AsSpan(0, used).CopyTo(larger);
            _pending = larger;
        }
    }

    private bool Exists()
    {
        try
        {
            files.OpenRead(path).Dispose();
            return true;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    private void CloseFile()
    {
        var file = _file;
        _file = null;
        try
        {
            file?.Dispose();
        }
        catch (IOException)
        {
            // Closing writes what a failed write left behind; it is all still in memory.
        }
    }
}
