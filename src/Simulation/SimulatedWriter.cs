using DistTrain.Core.Checkpoints;

namespace DistTrain.Simulation;

/// <summary>A file of a <see cref="SimulatedDisk"/> open for writing.</summary>
internal sealed class SimulatedWriter(ProcessDisk process, SimulatedFile file) : IWritableFile
{
    /// <inheritdoc/>
    public Stream Stream { get; } = new Writing(process, file);

    /// <inheritdoc/>
    public void FlushToDisk() => process.Flush(file);

    /// <inheritdoc/>
    public void Dispose() => Stream.Dispose();

    private sealed class Writing(ProcessDisk process, SimulatedFile file) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => true;

        public override bool CanWrite => true;

        public override long Length => file.Content.Length;

        public override long Position { get; set; }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => Position = offset + origin switch
        {
            SeekOrigin.Begin => 0,
            SeekOrigin.Current => Position,
            _ => Length,
        };

        public override void SetLength(long value)
        {
            process.Operate(writes: value > Length);
            file.SetLength((int)value);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            process.Operate(writes: true);
            file.Write((int)Position, buffer);
            Position += buffer.Length;
        }
    }
}
