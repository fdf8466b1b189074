using DistTrain.Core.Checkpoints;

namespace DistTrain.Chaos.Faults;

/// <summary>The process is gone.</summary>
internal sealed class CrashedException() : Exception("The process is gone.");

/// <summary>
/// The disk of this machine, for a process that is killed after so many operations: the one it dies in happens not at all, a write by half;
/// after it nothing happens any more, whatever the dying process still tries.
/// </summary>
/// <param name="operationsLeft">That are still carried out.</param>
internal sealed class CrashingFileSystem(int operationsLeft) : IFileSystem
{
    private readonly DiskFileSystem _disk = DiskFileSystem.Instance;
    private int _left = operationsLeft;
    private bool _isDead;

    public bool DirectoryExists(string path) => Alive(_disk.DirectoryExists(path));

    public IReadOnlyList<string> List(string directory) => Alive(_disk.List(directory));

    public Stream OpenRead(string path) => Alive(_disk.OpenRead(path));

    public IDisposable? TryLock(string path) => _disk.TryLock(path);

    public void CreateDirectory(string path) => Do(() => _disk.CreateDirectory(path));

    public IWritableFile Create(string path)
    {
        IWritableFile? file = null;
        Do(() => file = _disk.Create(path));
        return new CrashingFile(this, file!);
    }

    public IWritableFile OpenWrite(string path)
    {
        IWritableFile? file = null;
        Do(() => file = _disk.OpenWrite(path));
        return new CrashingFile(this, file!);
    }

    public void Rename(string source, string target) => Do(() => _disk.Rename(source, target));

    public void DeleteFile(string path) => Do(() => _disk.DeleteFile(path));

    public void DeleteDirectory(string path) => Do(() => _disk.DeleteDirectory(path));

    public void FlushDirectory(string path) => Do(() => _disk.FlushDirectory(path));

    private T Alive<T>(T value) => _isDead ? throw new CrashedException() : value;

    private void Do(Action act)
    {
        if (Dies())
        {
            throw new CrashedException();
        }

        act();
    }

    private bool Dies()
    {
        _isDead |= _left-- <= 0;
        return _isDead;
    }

    private sealed class CrashingFile(CrashingFileSystem owner, IWritableFile inner) : IWritableFile
    {
        public Stream Stream { get; } = new CrashingStream(owner, inner.Stream);

        public void FlushToDisk() => owner.Do(inner.FlushToDisk);

        /// <summary>The system closes what a dead process had open.</summary>
        public void Dispose() => inner.Dispose();
    }

    private sealed class CrashingStream(CrashingFileSystem owner, Stream inner) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => inner.CanSeek;

        public override bool CanWrite => true;

        public override long Length => inner.Length;

        public override long Position
        {
            get => inner.Position;
            set => inner.Position = value;
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

        public override void SetLength(long value) => owner.Do(() => inner.SetLength(value));

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            var wasDead = owner._isDead;
            if (owner.Dies())
            {
                if (!wasDead)
                {
                    inner.Write(buffer[..(buffer.Length / 2)]);
                }

                throw new CrashedException();
            }

            inner.Write(buffer);
        }
    }
}
