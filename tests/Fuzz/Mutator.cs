using System.Buffers.Binary;
using System.Text;

namespace DistTrain.Fuzz;

/// <summary>Makes inputs of inputs: equal random numbers make equal ones.</summary>
/// <param name="random">Chance.</param>
/// <param name="words">What is put in besides bytes.</param>
internal sealed class Mutator(Random random, IEnumerable<string> words)
{
    /// <summary>Longer ones find little that shorter ones do not.</summary>
    public const int MaximumBytes = 16 << 10;

    private const int MostChanges = 6;

    // Where readers that calculate with lengths go wrong.
    private static readonly long[] Numbers =
    [
        0, 1, -1, 2, 7, 8, 16, 31, 32, 64, 127, 128, 255, 256, 257, 512, 1024, 4095, 4096, 4097, short.MaxValue, ushort.MaxValue, ushort.MaxValue + 1,
        1 << 20, 1 << 30, int.MaxValue, int.MinValue, uint.MaxValue, uint.MaxValue + 1L, long.MaxValue, long.MinValue,
    ];

    private readonly byte[][] _words = [.. words.Select(Encoding.UTF8.GetBytes)];

    /// <summary>A changed copy of one of them.</summary>
    public byte[] Next(IReadOnlyList<byte[]> inputs)
    {
        var bytes = new List<byte>(inputs[random.Next(inputs.Count)]);
        for (var changes = 1 + random.Next(MostChanges); changes > 0; changes--)
        {
            Change(bytes, inputs);
        }

        return bytes.Count <= MaximumBytes ? [.. bytes] : [.. bytes[..MaximumBytes]];
    }

    private void Change(List<byte> bytes, IReadOnlyList<byte[]> inputs)
    {
        var at = random.Next(bytes.Count + 1);
        var left = bytes.Count - at;
        var length = Math.Min(left, 1 + (1 << random.Next(10)));
        switch (random.Next(11))
        {
            case 0 when left > 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when left > 0:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                bytes.RemoveRange(at, length);
                break;
            case 3:
                bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - length + 1), length));
                break;
            case 4:
                bytes.RemoveRange(at, left);
                break;
            case 5:
                Overwrite(bytes, at, Number());
                break;
            case 6 when _words.Length > 0:
                bytes.InsertRange(at, _words[random.Next(_words.Length)]);
                break;
            case 7 when _words.Length > 0:
                Overwrite(bytes, at, _words[random.Next(_words.Length)]);
                break;
            case 8:
                var other = inputs[random.Next(inputs.Count)];
                var from = random.Next(other.Length + 1);
                bytes.InsertRange(at, other.AsSpan(from, Math.Min(other.Length - from, 1 + (1 << random.Next(10)))).ToArray());
                break;
            case 9:
                ReplaceDigits(bytes, at);
                break;
            default:
                bytes.InsertRange(at, Number());
                break;
        }
    }

    private static void Overwrite(List<byte> bytes, int at, byte[] with)
    {
        bytes.RemoveRange(at, Math.Min(with.Length, bytes.Count - at));
        bytes.InsertRange(at, with);
    }

    /// <summary>A number of 1, 2, 4 or 8 bytes, in either order.</summary>
    private byte[] Number()
    {
        var number = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(number, Numbers[random.Next(Numbers.Length)]);
        number = number[..(1 << random.Next(4))];
        if (random.Next(2) == 0)
        {
            Array.Reverse(number);
        }

        return number;
    }

    /// <summary>A number that is written out becomes another.</summary>
    private void ReplaceDigits(List<byte> bytes, int at)
    {
        var begin = bytes.FindIndex(at, value => char.IsAsciiDigit((char)value));
        if (begin >= 0)
        {
            var end = bytes.FindIndex(begin, value => !char.IsAsciiDigit((char)value));
            bytes.RemoveRange(begin, (end < 0 ? bytes.Count : end) - begin);
            bytes.InsertRange(begin, Encoding.ASCII.GetBytes(Numbers[random.Next(Numbers.Length)].ToString(System.Globalization.CultureInfo.InvariantCulture)));
        }
    }
}
