using System.Runtime.InteropServices;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Core.Tests.Checkpoints;

internal sealed partial class SimulatedDisk
{
    private abstract class Node
    {
        public abstract Node AfterCrashOf(CrashKind kind, Random? random);
    }

    private sealed class FolderNode : Node
    {
        private readonly List<Action<IDictionary<string, Node>>> _unflushed = [];

        public SortedDictionary<string, Node> Entries { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, Node> Durable { get; } = new(StringComparer.Ordinal);

        public void Change(Action<IDictionary<string, Node>> change)
        {
            change(Entries);
            _unflushed.Add(change);
        }

        public void Flush()
        {
            Apply(_unflushed.Count);
            _unflushed.Clear();
        }

        public FolderNode AfterCrash(CrashKind kind, Random? random) => (FolderNode)AfterCrashOf(kind, random);

        public override Node AfterCrashOf(CrashKind kind, Random? random)
        {
            var survivors = new SortedDictionary<string, Node>(kind == CrashKind.ProcessOnly ? Entries : Durable, StringComparer.Ordinal);
            if (kind == CrashKind.Torn)
            {
                foreach (var change in _unflushed.Take(random!.Next(_unflushed.Count + 1)))
                {
                    change(survivors);
                }
            }

            var folder = new FolderNode();
            foreach (var (name, node) in survivors)
            {
                folder.Entries[name] = folder.Durable[name] = node.AfterCrashOf(kind, random);
            }

            return folder;
        }

        private void Apply(int count)
        {
            foreach (var change in _unflushed.Take(count))
            {
                change(Durable);
            }
        }
    }

    private sealed class FileNode : Node
    {
        private readonly List<(int Start, int End)> _dirty = [];

        public List<byte> Content { get; init; } = [];

        public List<byte> Durable { get; set; } = [];

        public void Write(int position, ReadOnlySpan<byte> bytes)
        {
            if (Content.Count < position + bytes.Length)
            {
                Resize(Content, position + bytes.Length);
            }

            bytes.CopyTo(CollectionsMarshal.AsSpan(Content)[position..]);
            _dirty.Add((position, position + bytes.Length));
        }

        public void SetLength(int length) => Resize(Content, length);

        public void Flush()
        {
            Resize(Durable, Content.Count);
            foreach (var (start, end) in _dirty)
            {
                for (var i = start; i < Math.Min(end, Content.Count); i++)
                {
                    Durable[i] = Content[i];
                }
            }

            _dirty.Clear();
        }

        /// <summary>As Linux does: the pages count as clean now, though they never reached the disk.</summary>
        public void FailFlush() => _dirty.Clear();

        public override Node AfterCrashOf(CrashKind kind, Random? random)
        {
            var survivors = new List<byte>(kind == CrashKind.ProcessOnly ? Content : Durable);
            if (kind == CrashKind.Torn)
            {
                Resize(survivors, random!.Next(2) == 0 ? Content.Count : survivors.Count);
                for (var sector = 0; sector < survivors.Count; sector += SectorBytes)
                {
                    if (random.Next(2) == 0)
                    {
                        continue;
                    }

                    for (var i = sector; i < Math.Min(sector + SectorBytes, Math.Min(survivors.Count, Content.Count)); i++)
                    {
                        survivors[i] = Content[i];
                    }
                }
            }

            return new FileNode { Content = survivors, Durable = [.. survivors] };
        }

        private static void Resize(List<byte> list, int length)
        {
            var old = list.Count;
            CollectionsMarshal.SetCount(list, length);
            if (length > old)
            {
                CollectionsMarshal.AsSpan(list)[old..].Clear();
            }
        }
    }

    private sealed class Descriptor(SimulatedDisk disk, string path, FileNode file) : IWritableFile
    {
        private bool _flushHasFailed;

        public Stream Stream { get; } = new FileStreamOf(disk, path, file);

        public void FlushToDisk()
        {
            disk.FlushesAfterFailure += _flushHasFailed ? 1 : 0;
            try
            {
                using var _ = disk.Do(DiskCall.FlushFile, path);
                file.Flush();
            }
            catch
            {
                _flushHasFailed = true;
                file.FailFlush();
                throw;
            }
        }

        public void Dispose() => Stream.Dispose();
    }

    private sealed class FileStreamOf(SimulatedDisk disk, string path, FileNode file) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => true;

        public override bool CanWrite => true;

        public override long Length => file.Content.Count;

        public override long Position { get; set; }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            var bytes = buffer.ToArray();
            using var _ = disk.Do(DiskCall.Write, path, halfway: () => file.Write((int)Position, bytes.AsSpan(0, bytes.Length / 2)));
            var room = disk.Capacity - disk.UsedBytes + Math.Max(0, file.Content.Count - Position);
            var fits = (int)Math.Clamp(room, 0, bytes.Length);
            file.Write((int)Position, bytes.AsSpan(0, fits));
            Position += fits;
            if (fits < bytes.Length)
            {
                throw new IOException("No space left on device");
            }
        }

        public override void SetLength(long value)
        {
            using var _ = disk.Do(DiskCall.SetLength, path);
            file.SetLength((int)value);
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    }
}
