using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace DistTrain.Core.Formats;

/// <summary>One tensor that a header tells of; begin and end in bytes of the data.</summary>
internal sealed record SafeTensorsEntry(string Name, string Type, long[] Shape, long Begin, long End);

/// <summary>Reads the header of a safetensors file, believing nothing: see <see cref="SafeTensors"/>.</summary>
internal static class SafeTensorsHeader
{
    public const string Metadata = "__metadata__";
    private const int PrefixBytes = sizeof(ulong);
    private const int MaximumRank = 16;

    private static readonly JsonDocumentOptions ReaderOptions = new() { AllowDuplicateProperties = false, MaxDepth = 8 };
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Every entry, checked on its own and with its neighbours, in the order of the data.</summary>
    /// <param name="stream">At the first byte; then at the first byte of the data.</param>
    /// <param name="source">What to call it in messages.</param>
    /// <exception cref="InvalidInputException">It is no such header.</exception>
    /// <exception cref="EndOfStreamException">It ends too early.</exception>
    public static List<SafeTensorsEntry> Read(Stream stream, string source)
    {
        var entries = Parse(ReadBytes(stream, source), source);
        CheckContiguous(entries, source);
        return entries;
    }

    private static byte[] ReadBytes(Stream stream, string source)
    {
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        stream.ReadExactly(prefix);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length is < 2 or > SafeTensors.MaximumHeaderBytes)
        {
            throw new InvalidInputException(
                $"{source}: is no safetensors file: it promises a header of {length} bytes; 2 to {SafeTensors.MaximumHeaderBytes} are allowed.");
        }

        if (stream.CanSeek && (ulong)(stream.Length - stream.Position) < length)
        {
            throw new EndOfStreamException();
        }

        var header = new byte[length];
        stream.ReadExactly(header);
        return header;
    }

    private static List<SafeTensorsEntry> Parse(byte[] header, string source)
    {
        try
        {
            if (header[0] != '{')
            {
                throw new JsonException("it does not begin with '{'.");
            }

            using var document = JsonDocument.Parse(StrictUtf8.GetString(header), ReaderOptions);
            var entries = new List<SafeTensorsEntry>();
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.Name == Metadata)
                {
                    CheckMetadata(property.Value, source);
                }
                else
                {
                    entries.Add(ParseEntry(property, source));
                }
            }

            entries.Sort((x, y) => (x.Begin, x.End).CompareTo((y.Begin, y.End)));
            return entries;
        }
        // Besides malformed JSON: bytes that are no UTF-8, and escapes that are no characters (InvalidOperationException).
        catch (Exception e) when (e is JsonException or DecoderFallbackException or InvalidOperationException)
        {
            throw new InvalidInputException($"{source}: the header is not valid: {e.Message}", e);
        }
    }

    private static void CheckMetadata(JsonElement metadata, string source)
    {
        if (metadata.ValueKind != JsonValueKind.Object || metadata.EnumerateObject().Any(pair => pair.Value.ValueKind != JsonValueKind.String))
        {
            throw new InvalidInputException($"{source}: {Metadata} must be an object of strings.");
        }
    }

    private static SafeTensorsEntry ParseEntry(JsonProperty property, string source)
    {
        var place = TensorText.Place(source, property.Name);
        if (property.Value.ValueKind != JsonValueKind.Object
            || property.Value.GetPropertyCount() != 3
            || !property.Value.TryGetProperty("dtype", out var dtype)
            || !property.Value.TryGetProperty("shape", out var shape)
            || !property.Value.TryGetProperty("data_offsets", out var offsets))
        {
            throw new InvalidInputException($"{place}: must have dtype, shape and data_offsets, and nothing else.");
        }

        if (dtype.ValueKind != JsonValueKind.String || ElementTypes.BytesOfSafeTensors(dtype.GetString()!) is not { } elementBytes)
        {
            throw new InvalidInputException($"{place}: its dtype is {TensorText.Shorten(dtype.GetRawText())}, which cannot be read. Convert it to 32-bit floats.");
        }

        var dimensions = Integers(shape, $"{place}: shape");
        var bounds = Integers(offsets, $"{place}: data_offsets");
        if (bounds.Length != 2 || bounds[0] > bounds[1])
        {
            throw new InvalidInputException($"{place}: data_offsets must be a begin and an end.");
        }

        var bytes = (Int128)elementBytes;
        foreach (var dimension in dimensions)
        {
            // Below 2⁶³ before each product of two numbers below 2⁶³: no overflow.
            bytes *= dimension;
            if (bytes > long.MaxValue)
            {
                throw new InvalidInputException($"{place}: its shape {TensorText.Shape(dimensions)} is too large.");
            }
        }

        return bytes == bounds[1] - bounds[0]
            ? new SafeTensorsEntry(property.Name, dtype.GetString()!, dimensions, bounds[0], bounds[1])
            : throw new InvalidInputException(
                $"{place}: shape {TensorText.Shape(dimensions)} needs {bytes} bytes, but data_offsets span {bounds[1] - bounds[0]}.");
    }

    private static long[] Integers(JsonElement array, string place)
    {
        if (array.ValueKind == JsonValueKind.Array && array.GetArrayLength() <= MaximumRank)
        {
            var numbers = new List<long>();
            foreach (var element in array.EnumerateArray())
            {
                if (element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out var number) && number >= 0)
                {
                    numbers.Add(number);
                }
            }

            if (numbers.Count == array.GetArrayLength())
            {
                return [.. numbers];
            }
        }

        throw new InvalidInputException($"{place} must be a list of at most {MaximumRank} integers from 0 on.");
    }

    private static void CheckContiguous(List<SafeTensorsEntry> entries, string source)
    {
        var end = 0L;
        foreach (var entry in entries)
        {
            if (entry.Begin != end)
            {
                throw new InvalidInputException(
                    $"{TensorText.Place(source, entry.Name)}: its data begins at {entry.Begin}, but the data before it ends at {end}: "
                    + (entry.Begin < end ? "tensors overlap." : "there is a hole."));
            }

            end = entry.End;
        }
    }
}
