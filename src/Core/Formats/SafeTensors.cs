using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Formats;

/// <summary>
/// Named tensors in the safetensors format (huggingface/safetensors, "Format"), binary32 only:
/// <code>
/// 8 bytes    N, the header's length, unsigned, little-endian
/// N bytes    {"__metadata__": {"key": "text"}, "0.weight": {"dtype": "F32", "shape": [100, 784], "data_offsets": [0, 313600]}, …}
///            UTF-8 JSON, padded with spaces so that the data begins at a multiple of 8
/// the rest   the tensors, little-endian, row-major; offsets count from here, are contiguous and leave no holes
/// </code>
/// </summary>
public static unsafe class SafeTensors
{
    /// <summary>A longer header than this is refused unread; a model of ten thousand tensors needs a tenth of it.</summary>
    public const int MaximumHeaderBytes = 16 << 20;

    private const int PrefixBytes = sizeof(ulong);
    private const string Float32 = "F32";
    private const int Alignment = 8;

    // The bytes of a large tensor exceed what one span can hold.
    private const int ElementsAtOnce = 1 << 20;

    // As plain as other writers' headers: names keep their characters wherever JSON allows it.
    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes all tensors of a layout, in its order. Equal input gives equal bytes.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="layout">Names, shapes and places.</param>
    /// <param name="values">The flat buffer, <see cref="ParameterLayout.Length"/> elements.</param>
    /// <param name="metadata">Texts to carry along, written in the order of their keys; null for none.</param>
    public static void Write(
        Stream stream,
        ParameterLayout layout,
        ReadOnlySpan<float> values,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        RequireLength(layout, values.Length);
        fixed (float* data = values)
        {
            Write(stream, Blocks("", layout, data), metadata);
        }
    }

    /// <summary>Writes the tensors of several sets that share their names, such as an optimizer's slots, each name behind its set's prefix.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="sets">In this order; none gives a file without tensors.</param>
    /// <param name="metadata">As above.</param>
    public static void Write(
        Stream stream,
        IReadOnlyList<(string Prefix, ParameterSet Tensors)> sets,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        Write(stream, Blocks(sets), metadata);
        GC.KeepAlive(sets);
    }

    private static void Write(Stream stream, List<Block> blocks, IReadOnlyDictionary<string, string>? metadata)
    {
        RequireLittleEndian();
        var header = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(header, WriterOptions))
        {
            WriteHeader(json, blocks, metadata);
        }

        var padding = (Alignment - (header.WrittenCount % Alignment)) % Alignment;
        header.GetSpan(padding)[..padding].Fill((byte)' ');
        header.Advance(padding);
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.WrittenCount);
        stream.Write(prefix);
        stream.Write(header.WrittenSpan);
        foreach (var block in blocks)
        {
            for (var i = 0; i < block.Shape.Size; i += ElementsAtOnce)
            {
                stream.Write(MemoryMarshal.AsBytes(block.Piece(i)));
            }
        }
    }

    /// <summary>Reads a file that holds exactly the tensors of a layout: see the overload over a stream.</summary>
    /// <exception cref="InvalidInputException">The file is missing, unreadable or not such a file.</exception>
    public static void ReadInto(string path, ParameterLayout layout, Span<float> values)
    {
        FileStream stream;
        try
        {
            stream = File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{path}: cannot be read: {e.Message}", e);
        }

        using (stream)
        {
            ReadInto(stream, path, layout, values);
        }
    }

    /// <summary>
    /// Reads exactly the tensors of a layout; their order in the file does not matter. Nothing is written to
    /// <paramref name="values"/> before the whole header has been found right, and the length too if the stream can tell it.
    /// </summary>
    /// <param name="stream">At the first byte; read to its end.</param>
    /// <param name="source">What to call it in messages.</param>
    /// <param name="layout">Names and shapes that must be there, no more and no fewer.</param>
    /// <param name="values">The flat buffer, <see cref="ParameterLayout.Length"/> elements.</param>
    /// <exception cref="InvalidInputException">It is no such file; the message names the source and the tensor.</exception>
    public static void ReadInto(Stream stream, string source, ParameterLayout layout, Span<float> values)
    {
        RequireLength(layout, values.Length);
        fixed (float* data = values)
        {
            ReadInto(stream, source, Blocks("", layout, data));
        }
    }

    /// <summary>Reads exactly the tensors of several sets, each name behind its set's prefix: see the overload over a layout.</summary>
    /// <exception cref="InvalidInputException">It is no such file; the message names the source and the tensor.</exception>
    public static void ReadInto(Stream stream, string source, IReadOnlyList<(string Prefix, ParameterSet Tensors)> sets)
    {
        ReadInto(stream, source, Blocks(sets));
        GC.KeepAlive(sets);
    }

    private static void ReadInto(Stream stream, string source, List<Block> blocks)
    {
        RequireLittleEndian();
        try
        {
            var entries = SafeTensorsHeader.Read(stream, source);
            CheckTypes(entries, source);
            CheckAgainst(blocks, entries, source);
            var dataBytes = blocks.Sum(block => (long)block.Shape.Size) * sizeof(float);
            if (stream.CanSeek && stream.Length - stream.Position is var present && present != dataBytes)
            {
                throw new InvalidInputException($"{source}: the header promises {dataBytes} bytes of data, but {present} are there.");
            }

            var places = blocks.ToDictionary(block => block.Name, StringComparer.Ordinal);
            foreach (var entry in entries)
            {
                var block = places[entry.Name];
                for (var i = 0; i < block.Shape.Size; i += ElementsAtOnce)
                {
                    stream.ReadExactly(MemoryMarshal.AsBytes(block.Piece(i)));
                }
            }

            if (stream.ReadByte() >= 0)
            {
                throw new InvalidInputException($"{source}: data follows the last tensor.");
            }
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidInputException($"{source}: the file ends too early; it has been cut off.", e);
        }
        catch (IOException e)
        {
            throw new InvalidInputException($"{source}: cannot be read: {e.Message}", e);
        }
    }

    private static void WriteHeader(Utf8JsonWriter json, List<Block> blocks, IReadOnlyDictionary<string, string>? metadata)
    {
        json.WriteStartObject();
        if (metadata is { Count: > 0 })
        {
            json.WriteStartObject(SafeTensorsHeader.Metadata);
            foreach (var (key, text) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                json.WriteString(key, text);
            }

            json.WriteEndObject();
        }

        var offset = 0L;
        foreach (var block in blocks)
        {
            json.WriteStartObject(block.Name);
            json.WriteString("dtype", Float32);
            json.WriteStartArray("shape");
            foreach (var dimension in block.Shape.Dimensions)
            {
                json.WriteNumberValue(dimension);
            }

            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(offset);
            offset += (long)block.Shape.Size * sizeof(float);
            json.WriteNumberValue(offset);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void CheckTypes(List<SafeTensorsEntry> entries, string source)
    {
        if (entries.Find(entry => entry.Type != Float32) is { } other)
        {
            throw new InvalidInputException(
                $"{TensorText.Place(source, other.Name)}: its dtype is \"{other.Type}\"; only \"{Float32}\" can be read. Convert it to 32-bit floats.");
        }
    }

    private static void CheckAgainst(List<Block> blocks, List<SafeTensorsEntry> entries, string source)
    {
        var found = entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
        var missing = blocks.Where(block => !found.ContainsKey(block.Name)).Select(block => block.Name).ToList();
        var unknown = found.Keys.Except(blocks.Select(block => block.Name), StringComparer.Ordinal).ToList();
        if (missing.Count + unknown.Count > 0)
        {
            throw new InvalidInputException(
                $"{source}: holds another model's tensors: "
                + string.Join("; ", new[] { Describe("missing", missing), Describe("not of this model", unknown) }.Where(text => text != "")) + ".");
        }

        foreach (var block in blocks)
        {
            var shape = found[block.Name].Shape;
            if (shape.Length != block.Shape.Rank || !shape.Select((dimension, i) => dimension == block.Shape[i]).All(equal => equal))
            {
                throw new InvalidInputException(
                    $"{TensorText.Place(source, block.Name)}: its shape is {TensorText.Shape(shape)}, but the model has {block.Shape}.");
            }
        }

        static string Describe(string what, List<string> names) => names.Count switch
        {
            0 => "",
            <= 5 => $"{what}: {string.Join(", ", names.Select(TensorText.Shorten))}",
            _ => $"{what}: {string.Join(", ", names.Take(5).Select(TensorText.Shorten))} and {names.Count - 5} more",
        };
    }

    private static List<Block> Blocks(string prefix, ParameterLayout layout, float* data) =>
        [.. layout.Slots.Select(slot => new Block(prefix + slot.Name, slot.Shape, data + slot.Offset))];

    private static List<Block> Blocks(IReadOnlyList<(string Prefix, ParameterSet Tensors)> sets) =>
        [.. sets.SelectMany(set => Blocks(set.Prefix, set.Tensors.Layout, set.Tensors.Pointer))];

    private static void RequireLittleEndian()
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException("DistTrain needs a little-endian processor.");
        }
    }

    private static void RequireLength(ParameterLayout layout, int length)
    {
        if (length != layout.Length)
        {
            throw new ArgumentException($"The layout has {layout.Length} elements but the buffer {length}.", nameof(length));
        }
    }

    /// <summary>One tensor in memory; the caller keeps it there.</summary>
    private sealed class Block(string name, Shape shape, float* data)
    {
        public string Name => name;

        public Shape Shape => shape;

        /// <summary>From an element on, as much as one call should move.</summary>
        public Span<float> Piece(int start) => new(data + start, Math.Min(ElementsAtOnce, shape.Size - start));
    }
}
