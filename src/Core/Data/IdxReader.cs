using System.Buffers.Binary;
using System.Security.Cryptography;

namespace DistTrain.Core.Data;

/// <summary>
/// Reads IDX files (the format of MNIST: a magic number, big-endian dimensions, raw bytes), plain or gzipped. Nothing in a file is
/// trusted: sizes are checked before they are used, memory grows only with bytes that really arrive, and reading stops one byte after
/// the declared end, so neither a lying header nor a decompression bomb costs more than the file is worth.
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".
/// </summary>
public static class IdxReader
{
    /// <summary>Magic number of a file of images: unsigned bytes, three dimensions.</summary>
    public const uint ImagesMagic = 0x00000803;

    /// <summary>Magic number of a file of labels: unsigned bytes, one dimension.</summary>
    public const uint LabelsMagic = 0x00000801;

    /// <summary>Most elements a file may declare: 1 GiB, twenty times MNIST.</summary>
    public const long MaximumElements = 1L << 30;

    /// <summary>Largest height or width of an image.</summary>
    public const int MaximumImageSide = 4096;

    // What is set aside before any element has arrived, or what so large a file may unpack to (RFC 1951: at most 258 bytes from two bits); from there
    // the buffer doubles.
    private const int FirstBufferBytes = 1 << 20;
    private const int MostUnpackedPerByte = 1032;
    private const int ReadBytes = 1 << 18;

    private const string Cure =
        "Get the file again (MNIST's with 'disttrain data fetch'), or name a directory that holds the right one with --data DIR.";

    /// <summary>Reads a file of images and the file of their labels.</summary>
    /// <param name="imagesPath">The images' file.</param>
    /// <param name="labelsPath">The labels' file.</param>
    /// <param name="classCount">Labels must be below this.</param>
    /// <exception cref="InvalidInputException">A file cannot be read, is damaged, or the two do not belong together.</exception>
    public static LabeledImages Read(string imagesPath, string labelsPath, int classCount) =>
        Combine(ReadFile(imagesPath, ImagesMagic), ReadFile(labelsPath, LabelsMagic), classCount);

    /// <summary>Puts images and labels together.</summary>
    /// <exception cref="InvalidInputException">Their counts differ, or a label is not below <paramref name="classCount"/>.</exception>
    public static LabeledImages Combine(IdxFile images, IdxFile labels, int classCount)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(labels);
        if (images.Dimensions[0] != labels.Dimensions[0])
        {
            throw new InvalidInputException(FormattableString.Invariant(
                $"'{images.Name}' holds {images.Dimensions[0]} images but '{labels.Name}' holds {labels.Dimensions[0]} labels. {Cure}"));
        }
        var outside = classCount > byte.MaxValue ? -1 : labels.Data.AsSpan().IndexOfAnyInRange((byte)classCount, byte.MaxValue);
        if (outside >= 0)
        {
            throw Damaged(labels.Name, FormattableString.Invariant(
                $"label {outside} (byte {HeaderBytes(LabelsMagic) + outside}) is {labels.Data[outside]}, not below {classCount} classes"));
        }
        return new LabeledImages(images.Data, labels.Data, images.Dimensions[1], images.Dimensions[2], channels: 1, classCount);
    }

    /// <summary>Labels that are counted from 0.</summary>
    /// <param name="labels">The file.</param>
    /// <param name="firstLabel">The label of the first class there.</param>
    /// <exception cref="InvalidInputException">A label is below it.</exception>
    public static IdxFile FromFirstLabel(IdxFile labels, int firstLabel)
    {
        if (firstLabel == 0)
            return labels;
        var below = labels.Data.AsSpan().IndexOfAnyInRange((byte)0, (byte)(firstLabel - 1));
        if (below >= 0)
        {
            throw Damaged(labels.Name, FormattableString.Invariant(
                $"label {below} (byte {HeaderBytes(LabelsMagic) + below}) is {labels.Data[below]}, but the first class is {firstLabel}"));
        }
        return labels with { Data = [.. labels.Data.Select(label => (byte)(label - firstLabel))] };
    }

    /// <summary>Images whose rows and columns are exchanged: (N, height, width) becomes (N, width, height).</summary>
    public static IdxFile Transpose(IdxFile images)
    {
        var (count, height, width) = (images.Dimensions[0], images.Dimensions[1], images.Dimensions[2]);
        var turned = new byte[images.Data.Length];
        for (var image = 0; image < count; image++)
        {
            var from = images.Data.AsSpan(image * height * width, height * width);
            var to = turned.AsSpan(image * height * width, height * width);
            for (var y = 0; y < height; y++)
            {
                for (var x = 0; x < width; x++) to[(x * height) + y] = from[(y * width) + x];
            }
        }
        return images with { Dimensions = [count, width, height], Data = turned };
    }

    /// <summary>Reads one file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="magic"><see cref="ImagesMagic"/> or <see cref="LabelsMagic"/>: what it must be.</param>
    /// <exception cref="InvalidInputException">The file cannot be opened or read, or is damaged.</exception>
    public static IdxFile ReadFile(string path, uint magic)
    {
        try
        {
            // Reads come in large pieces already: a second buffer in between would only copy.
            using var stream = new FileStream(path, new FileStreamOptions { BufferSize = 0, Options = FileOptions.SequentialScan });
            return ReadStream(stream, path, magic);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"Cannot read '{path}': {exception.Message} {Cure}", exception);
        }
    }

    /// <summary>Reads one file's content.</summary>
    /// <param name="source">A seekable stream, plain or gzipped; it is closed.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="magic"><see cref="ImagesMagic"/> or <see cref="LabelsMagic"/>: what it must be.</param>
    /// <exception cref="InvalidInputException">The content is damaged.</exception>
    public static IdxFile ReadStream(Stream source, string name, uint magic)
    {
        if (magic is not (ImagesMagic or LabelsMagic))
            throw new ArgumentOutOfRangeException(nameof(magic), magic, "Only images and labels are known.");
        var plausibleBytes = Math.Max(FirstBufferBytes, MostUnpackedPerByte * (source.Length - source.Position));
        using var content = PlainOrGzip.Open(source);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            var dimensions = ReadHeader(content, name, magic, hash);
            var data = ReadElements(content, name, HeaderBytes(magic), (int)Elements(dimensions), plausibleBytes, hash);
            return new IdxFile(name, dimensions, data, Convert.ToHexStringLower(hash.GetHashAndReset()));
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidInputException(
                $"'{name}' is damaged: its gzip data cannot be unpacked ({exception.Message}). {Cure}", exception);
        }
    }

    private static int HeaderBytes(uint magic) => sizeof(uint) + sizeof(uint) * DimensionCount(magic);

    // The last byte of the magic number is the number of dimensions.
    private static int DimensionCount(uint magic) => (int)(magic & 0xff);

    private static long Elements(int[] dimensions) => dimensions.Aggregate(1L, (product, dimension) => product * dimension);

    private static int[] ReadHeader(Stream content, string name, uint magic, IncrementalHash hash)
    {
        Span<byte> header = stackalloc byte[HeaderBytes(magic)];
        var arrived = content.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        var found = arrived < sizeof(uint) ? magic : BinaryPrimitives.ReadUInt32BigEndian(header);
        if (found != magic)
            throw Damaged(name, $"it starts with 0x{found:x8} instead of 0x{magic:x8}{Explain(found)}");
        if (arrived < header.Length)
            throw Damaged(name, FormattableString.Invariant($"it ends at byte {arrived}, inside its header of {header.Length}"));
        hash.AppendData(header);
        var dimensions = new int[DimensionCount(magic)];
        for (var i = 0; i < dimensions.Length; i++)
        {
            var offset = sizeof(uint) * (1 + i);
            var declared = BinaryPrimitives.ReadUInt32BigEndian(header[offset..]);
            var limit = i == 0 ? MaximumElements : MaximumImageSide;
            if (declared < 1 || declared > limit)
            {
                throw Damaged(name, FormattableString.Invariant(
                    $"dimension {i} (at byte {offset}) is {declared}, outside the accepted 1 to {limit}"));
            }
            dimensions[i] = (int)declared;
        }
        // No overflow: 2³⁰ · 2¹² · 2¹² < 2⁶³.
        if (Elements(dimensions) > MaximumElements)
        {
            throw Damaged(name, FormattableString.Invariant(
                $"it declares {string.Join(" x ", dimensions)} bytes, more than the accepted {MaximumElements}"));
        }
        return dimensions;
    }

    private static byte[] ReadElements(Stream content, string name, int headerBytes, int declared, long plausibleBytes, IncrementalHash hash)
    {
        var buffer = GC.AllocateUninitializedArray<byte>((int)Math.Min(declared, plausibleBytes));
        var arrived = 0;
        while (arrived < declared)
        {
            if (arrived == buffer.Length) Array.Resize(ref buffer, (int)Math.Min(declared, 2L * buffer.Length));
            // Small pieces, so that the hash finds them in the cache.
            var count = content.Read(buffer, arrived, Math.Min(buffer.Length - arrived, ReadBytes));
            if (count == 0)
            {
                throw Damaged(name, FormattableString.Invariant(
                    $"it ends at byte {(long)headerBytes + arrived} of the {(long)headerBytes + declared} its header declares"));
            }
            hash.AppendData(buffer, arrived, count);
            arrived += count;
        }
        if (content.ReadByte() >= 0)
        {
            throw Damaged(name, FormattableString.Invariant(
                $"it goes on after byte {(long)headerBytes + declared}, where its header says it ends"));
        }
        return buffer;
    }

    private static string Explain(uint found) => found switch
    {
        ImagesMagic => " (an IDX file of images, where labels are expected)",
        LabelsMagic => " (an IDX file of labels, where images are expected)",
        _ => "",
    };

    private static InvalidInputException Damaged(string name, string what) =>
        new($"'{name}' is not the IDX file it should be: {what}. {Cure}");
}
