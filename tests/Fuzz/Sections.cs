using System.Buffers.Binary;

namespace DistTrain.Fuzz;

/// <summary>Several inputs in one: each behind its length, two bytes, little-endian. A length that says more than there is means all that is left.</summary>
internal static class Sections
{
    /// <summary>The inputs; their lengths cost nothing, so there is always a way to read any bytes.</summary>
    public static IReadOnlyList<byte[]> Split(ReadOnlySpan<byte> input)
    {
        var sections = new List<byte[]>();
        while (input.Length >= sizeof(ushort))
        {
            var length = Math.Min(BinaryPrimitives.ReadUInt16LittleEndian(input), input.Length - sizeof(ushort));
            sections.Add(input.Slice(sizeof(ushort), length).ToArray());
            input = input[(sizeof(ushort) + length)..];
        }

        return sections;
    }

    /// <summary>One input of several.</summary>
    public static byte[] Join(params IEnumerable<byte[]> sections)
    {
        var joined = new List<byte>();
        Span<byte> length = stackalloc byte[sizeof(ushort)];
        foreach (var section in sections)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(length, checked((ushort)section.Length));
            joined.AddRange(length);
            joined.AddRange(section);
        }

        return [.. joined];
    }
}
