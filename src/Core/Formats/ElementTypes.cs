using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace DistTrain.Core.Formats;

/// <summary>How a tensor in a file writes its elements, as far as they can be made binary32.</summary>
internal enum ElementType
{
    /// <summary>Integers and whatever else is no weight.</summary>
    Other,

    /// <summary>binary16.</summary>
    Float16,

    /// <summary>The upper half of binary32.</summary>
    BFloat16,

    /// <summary>binary32.</summary>
    Float32,

    /// <summary>binary64.</summary>
    Float64,
}

/// <summary>The element types of weight files, and how they become binary32.</summary>
internal static class ElementTypes
{
    private const int ElementsAtOnce = 1 << 16;

    /// <summary>Bytes of an element by its safetensors name; null for an unknown one.</summary>
    public static int? BytesOfSafeTensors(string name) => name switch
    {
        "F64" or "I64" or "U64" => 8,
        "F32" or "I32" or "U32" => 4,
        "F16" or "BF16" or "I16" or "U16" => 2,
        "I8" or "U8" or "BOOL" => 1,
        _ => null,
    };

    /// <summary>From a safetensors name.</summary>
    public static ElementType OfSafeTensors(string name) => name switch
    {
        "F16" => ElementType.Float16,
        "BF16" => ElementType.BFloat16,
        "F32" => ElementType.Float32,
        "F64" => ElementType.Float64,
        _ => ElementType.Other,
    };

    /// <summary>From NumPy's <c>descr</c>, little-endian ones only.</summary>
    public static ElementType OfNumPy(string descr) => descr switch
    {
        "<f2" => ElementType.Float16,
        "<f4" => ElementType.Float32,
        "<f8" => ElementType.Float64,
        _ => ElementType.Other,
    };

    /// <summary>Bytes of an element.</summary>
    public static int Bytes(ElementType type) => type switch
    {
        ElementType.Float16 or ElementType.BFloat16 => 2,
        ElementType.Float32 => 4,
        ElementType.Float64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "These elements are no floats."),
    };

    /// <summary>
    /// Reads elements as binary32. 16-bit ones are exact; 64-bit ones are rounded to nearest, ties to even, and those that changed are counted.
    /// </summary>
    /// <param name="stream">At the first element, little-endian; then behind the last.</param>
    /// <param name="type">Of the elements.</param>
    /// <param name="values">How many, and where to.</param>
    /// <param name="place">For messages.</param>
    /// <returns>How many values were rounded.</returns>
    /// <exception cref="InvalidInputException">A finite number is too large for binary32.</exception>
    /// <exception cref="EndOfStreamException">It ends too early.</exception>
    public static long Read(Stream stream, ElementType type, Span<float> values, string place)
    {
        var size = Bytes(type);
        var buffer = new byte[Math.Min(values.Length, ElementsAtOnce) * size];
        var rounded = 0L;
        for (var start = 0; start < values.Length; start += ElementsAtOnce)
        {
            var part = values[start..Math.Min(values.Length, start + ElementsAtOnce)];
            var bytes = buffer.AsSpan(0, part.Length * size);
            stream.ReadExactly(bytes);
            switch (type)
            {
                case ElementType.Float32:
                    MemoryMarshal.Cast<byte, float>(bytes).CopyTo(part);
                    break;
                case ElementType.Float64:
                    rounded += Round(MemoryMarshal.Cast<byte, double>(bytes), part, place);
                    break;
                default:
                    Widen(bytes, type, part);
                    break;
            }
        }

        return rounded;
    }

    private static void Widen(ReadOnlySpan<byte> bytes, ElementType type, Span<float> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var bits = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..]);
            values[i] = type == ElementType.Float16 ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
        }
    }

    private static long Round(ReadOnlySpan<double> from, Span<float> values, string place)
    {
        var rounded = 0L;
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (float)from[i];
            if (double.IsFinite(from[i]) && !float.IsFinite(values[i]))
            {
                throw new InvalidInputException(FormattableString.Invariant($"{place}: holds {from[i]:R}, which is too large for a 32-bit float."));
            }

            rounded += values[i] == from[i] || double.IsNaN(from[i]) ? 0 : 1;
        }

        return rounded;
    }
}
