using DistTrain.Core.Tensors;

namespace DistTrain.Core.Formats;

/// <summary>A tensor that a weight file made elsewhere holds.</summary>
/// <param name="Name">Its name.</param>
/// <param name="TypeName">Its element type in the file's words.</param>
/// <param name="Type">The same, as far as it can be read.</param>
/// <param name="Shape">Its dimensions.</param>
internal sealed record FoundTensor(string Name, string TypeName, ElementType Type, long[] Shape);

/// <summary>What was done to the tensors of a weight file besides copying them.</summary>
/// <param name="Rounded">Tensors with 64-bit values that 32 bits cannot hold, and how many of their values were rounded.</param>
/// <param name="Ignored">Tensors that are of no use here: PyTorch's <c>num_batches_tracked</c>.</param>
public sealed record WeightFileReport(IReadOnlyList<(string Tensor, long Values)> Rounded, IReadOnlyList<string> Ignored);

/// <summary>
/// Parameters made elsewhere: a safetensors file, or NumPy's npz, with a model's names and shapes. The elements may be floats of 16 or 32 bits, which
/// become binary32 exactly, or of 64 bits, which are rounded to nearest and counted where that changes them.
/// </summary>
public static class WeightFile
{
    private const string BatchCount = "num_batches_tracked";
    private const int MostNamed = 5;

    private static ReadOnlySpan<byte> ZipMagic => "PK"u8;

    /// <summary>Reads a file that holds exactly the tensors of a layout. Which format it has is told from its content.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layout">Names and shapes that must be there, no more and no fewer.</param>
    /// <param name="values">The flat buffer, <see cref="ParameterLayout.Length"/> elements.</param>
    /// <returns>What was done besides copying.</returns>
    /// <exception cref="InvalidInputException">It cannot be read, or does not fit; the message names file and tensors.</exception>
    public static WeightFileReport ReadInto(string path, ParameterLayout layout, Span<float> values)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return ReadInto(stream, path, layout, values);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    /// <inheritdoc cref="ReadInto(string, ParameterLayout, Span{float})"/>
    /// <param name="stream">At the first byte; it can seek.</param>
    /// <param name="source">What to call it in messages.</param>
    /// <param name="layout">Names and shapes that must be there, no more and no fewer.</param>
    /// <param name="values">The flat buffer, <see cref="ParameterLayout.Length"/> elements.</param>
    public static WeightFileReport ReadInto(Stream stream, string source, ParameterLayout layout, Span<float> values)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException("DistTrain needs a little-endian processor.");
        }

        if (layout.Length != values.Length)
        {
            throw new ArgumentException($"The layout has {layout.Length} elements but the buffer {values.Length}.", nameof(values));
        }

        try
        {
            Span<byte> begin = stackalloc byte[ZipMagic.Length];
            var isZip = stream.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false) == begin.Length && begin.SequenceEqual(ZipMagic);
            stream.Position = 0;
            return isZip ? NpzReader.ReadInto(stream, source, layout, values) : ReadSafeTensors(stream, source, layout, values);
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidInputException($"{source}: the file ends too early; it has been cut off.", e);
        }
    }

    /// <summary>Refuses tensors that are not exactly a layout's, all reasons in one message.</summary>
    /// <returns>The names of those to pass over.</returns>
    internal static IReadOnlyList<string> Match(IReadOnlyList<FoundTensor> found, ParameterLayout layout, string source)
    {
        var slots = layout.Slots.ToDictionary(slot => slot.Name, StringComparer.Ordinal);
        var names = found.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        List<string> ignored = [.. found.Where(tensor => !slots.ContainsKey(tensor.Name) && IsBatchCount(tensor)).Select(tensor => tensor.Name)];
        List<string> objections =
        [
            .. List("missing: ", layout.Slots.Where(slot => !names.Contains(slot.Name)).Select(slot => $"{slot.Name} {slot.Shape}")),
            .. List("not of this model: ", found
                .Where(tensor => !slots.ContainsKey(tensor.Name) && !IsBatchCount(tensor))
                .Select(tensor => $"{TensorText.Shorten(tensor.Name)} {TensorText.Shape(tensor.Shape)}")),
            .. List("", found.Where(tensor => slots.ContainsKey(tensor.Name)).Select(tensor => Objection(tensor, slots[tensor.Name])).OfType<string>()),
        ];
        return objections.Count == 0
            ? ignored
            : throw new InvalidInputException($"{source}: does not hold this model's tensors: {string.Join("; ", objections)}.");
    }

    private static bool IsBatchCount(FoundTensor tensor) =>
        tensor.Type == ElementType.Other && tensor.Shape.All(dimension => dimension == 1)
        && (tensor.Name == BatchCount || tensor.Name.EndsWith("." + BatchCount, StringComparison.Ordinal));

    private static string? Objection(FoundTensor tensor, TensorSlot slot)
    {
        var wanted = slot.Shape.Dimensions.ToArray().Select(dimension => (long)dimension).ToList();
        if (!tensor.Shape.SequenceEqual(wanted))
        {
            return $"{slot.Name} has the shape {TensorText.Shape(tensor.Shape)}, but the model's is {slot.Shape}"
                + (wanted.Count == 2 && tensor.Shape.Reverse().SequenceEqual(wanted) ? " (transpose it)" : "");
        }

        return tensor.Type == ElementType.Other
            ? $"{slot.Name} has elements of type {TensorText.Shorten(tensor.TypeName)}; little-endian floats of 16, 32 or 64 bits can be read"
            : null;
    }

    private static IEnumerable<string> List(string what, IEnumerable<string> items)
    {
        var list = items.ToList();
        return list.Count switch
        {
            0 => [],
            <= MostNamed => [what + string.Join(", ", list)],
            _ => [$"{what}{string.Join(", ", list.Take(MostNamed))} and {list.Count - MostNamed} more"],
        };
    }

    private static WeightFileReport ReadSafeTensors(Stream stream, string source, ParameterLayout layout, Span<float> values)
    {
        var entries = SafeTensorsHeader.Read(stream, source);
        var ignored = Match(
            [.. entries.Select(entry => new FoundTensor(entry.Name, entry.Type, ElementTypes.OfSafeTensors(entry.Type), entry.Shape))], layout, source);
        var (promised, present) = (entries.Count == 0 ? 0 : entries[^1].End, stream.Length - stream.Position);
        if (promised != present)
        {
            throw new InvalidInputException($"{source}: the header promises {promised} bytes of data, but {present} are there.");
        }

        var slots = layout.Slots.ToDictionary(slot => slot.Name, StringComparer.Ordinal);
        var rounded = new List<(string, long)>();
        foreach (var entry in entries)
        {
            if (!slots.TryGetValue(entry.Name, out var slot))
            {
                stream.Position += entry.End - entry.Begin;
                continue;
            }

            var count = ElementTypes.Read(
                stream, ElementTypes.OfSafeTensors(entry.Type), values.Slice(slot.Offset, slot.Length), TensorText.Place(source, entry.Name));
            if (count > 0)
            {
                rounded.Add((entry.Name, count));
            }
        }

        return new WeightFileReport(rounded, ignored);
    }
}
