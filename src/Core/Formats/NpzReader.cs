using System.IO.Compression;
using System.IO.Hashing;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Formats;

/// <summary>
/// Reads NumPy's npz: a zip file with an array <c>name.npy</c> for each name (<see cref="NpyHeader"/>), plain or deflated. Of an array no more is
/// unpacked than its header, before its name, type and shape are found right, and then no more than its shape needs.
/// </summary>
internal static class NpzReader
{
    private const string Suffix = ".npy";

    // Each costs up to a header to look at. The largest networks have a few thousand tensors.
    private const int MaximumEntries = 10_000;

    /// <summary>Reads exactly the tensors of a layout.</summary>
    /// <exception cref="InvalidInputException">It is no such file; the message names the source and the tensor.</exception>
    public static WeightFileReport ReadInto(Stream stream, string source, ParameterLayout layout, Span<float> values)
    {
        ZipArchive archive;
        IReadOnlyList<ZipArchiveEntry> entries;
        try
        {
            archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
            entries = archive.Entries;
        }
        // What the zip reader throws at damaged files.
        catch (Exception e) when (e is InvalidDataException or IOException or NotSupportedException or ArgumentException or OverflowException)
        {
            throw new InvalidInputException($"{source}: is no whole zip file, as an npz must be: {e.Message}", e);
        }

        using (archive)
        {
            return ReadEntries(entries, source, layout, values);
        }
    }

    private static WeightFileReport ReadEntries(IReadOnlyList<ZipArchiveEntry> entries, string source, ParameterLayout layout, Span<float> values)
    {
        if (entries.Count > MaximumEntries)
        {
            throw new InvalidInputException($"{source}: holds {entries.Count} files; at most {MaximumEntries} are read.");
        }

        var arrays = new Dictionary<string, (ZipArchiveEntry Entry, NpyHeader Header)>(StringComparer.Ordinal);
        var found = new List<FoundTensor>();
        foreach (var entry in entries)
        {
            var name = entry.FullName.EndsWith(Suffix, StringComparison.Ordinal)
                ? entry.FullName[..^Suffix.Length]
                : throw new InvalidInputException($"{source}: holds '{TensorText.Shorten(entry.FullName)}', which is no {Suffix} file, as all of an npz must be.");
            var place = TensorText.Place(source, name);
            var header = Use(entry, place, opened => NpyHeader.Read(opened, place));
            if (!arrays.TryAdd(name, (entry, header)))
            {
                throw new InvalidInputException($"{place}: is there twice.");
            }

            found.Add(new FoundTensor(name, header.Descr, ElementTypes.OfNumPy(header.Descr), header.Shape));
        }

        var ignored = WeightFile.Match(found, layout, source);
        var rounded = new List<(string, long)>();
        foreach (var slot in layout.Slots)
        {
            var (entry, header) = arrays[slot.Name];
            if (ReadArray(entry, header, slot, values.Slice(slot.Offset, slot.Length), TensorText.Place(source, slot.Name)) is > 0 and var count)
            {
                rounded.Add((slot.Name, count));
            }
        }

        return new WeightFileReport(rounded, ignored);
    }

    private static unsafe long ReadArray(ZipArchiveEntry entry, NpyHeader header, TensorSlot slot, Span<float> values, string place)
    {
        var type = ElementTypes.OfNumPy(header.Descr);
        var bytes = header.Bytes + ((long)slot.Length * ElementTypes.Bytes(type));
        if (entry.Length != bytes)
        {
            throw new InvalidInputException($"{place}: shape {slot.Shape} of {header.Descr} needs {bytes} bytes with its header, but the zip file says {entry.Length}.");
        }

        fixed (float* target = values)
        {
            // A span cannot be captured, its place can.
            var (pointer, length) = ((nint)target, values.Length);
            return Use(entry, place, opened =>
            {
                using var stream = new ChecksumStream(opened);
                var again = NpyHeader.Read(stream, place);
                var into = new Span<float>((float*)pointer, length);
                var rounded = again.Bytes == header.Bytes
                    ? ReadElements(stream, type, header.FortranOrder, slot.Shape, into, place)
                    : throw new InvalidInputException($"{place}: changes while it is read.");
                if (stream.ReadByte() >= 0 || stream.Checksum != entry.Crc32)
                {
                    throw new InvalidInputException($"{place}: is damaged: its content does not fit its checksum.");
                }

                return rounded;
            });
        }
    }

    private static long ReadElements(Stream stream, ElementType type, bool fortranOrder, Shape shape, Span<float> values, string place)
    {
        if (!fortranOrder || shape.Rank < 2)
        {
            return ElementTypes.Read(stream, type, values, place);
        }

        var columns = new float[values.Length];
        var rounded = ElementTypes.Read(stream, type, columns, place);
        Span<int> index = stackalloc int[shape.Rank];
        index.Clear();
        foreach (var element in columns)
        {
            var target = 0;
            for (var i = 0; i < index.Length; i++)
            {
                target = (target * shape[i]) + index[i];
            }

            values[target] = element;
            // The first index runs fastest.
            for (var i = 0; i < index.Length && ++index[i] == shape[i]; i++)
            {
                index[i] = 0;
            }
        }

        return rounded;
    }

    private static T Use<T>(ZipArchiveEntry entry, string place, Func<Stream, T> read)
    {
        if (entry.IsEncrypted)
        {
            throw new InvalidInputException($"{place}: is encrypted.");
        }

        try
        {
            using var stream = entry.Open();
            return read(stream);
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidInputException($"{place}: ends too early; it has been cut off.", e);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or NotSupportedException)
        {
            throw new InvalidInputException($"{place}: cannot be unpacked: {e.Message}", e);
        }
    }

    /// <summary>Passes on what is read, and keeps its CRC-32: the zip reader itself does not compare it.</summary>
    private sealed class ChecksumStream(Stream inner) : Stream
    {
        private readonly Crc32 _checksum = new();

        public uint Checksum => _checksum.GetCurrentHashAsUInt32();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            var count = inner.Read(buffer);
            _checksum.Append(buffer[..count]);
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
