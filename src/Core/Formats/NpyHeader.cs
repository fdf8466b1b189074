using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace DistTrain.Core.Formats;

/// <summary>
/// The header of a NumPy array file (numpy.lib.format, versions 1 and 2):
/// <code>
/// 6 bytes    0x93 NUMPY
/// 2 bytes    version
/// 2 bytes    N, little-endian (4 bytes in version 2)
/// N bytes    {'descr': '&lt;f4', 'fortran_order': False, 'shape': (30, 1, 5, 5), }, padded with spaces, a newline last
/// the rest   the elements
/// </code>
/// </summary>
/// <param name="Descr">The element type in NumPy's words, for example <c>&lt;f4</c>.</param>
/// <param name="FortranOrder">Whether the first index runs fastest, as after a transposition, and not the last.</param>
/// <param name="Shape">The dimensions.</param>
/// <param name="Bytes">Where the elements begin.</param>
internal sealed record NpyHeader(string Descr, bool FortranOrder, long[] Shape, int Bytes)
{
    // NumPy itself writes fewer than 200 for a plain array, and reads no more than 10,000 unasked. Deflated, longer ones would cost next to nothing to send.
    private const int MaximumTextBytes = 10_000;
    private const int MaximumRank = 16;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads it.</summary>
    /// <param name="stream">At the first byte; then at the first element.</param>
    /// <param name="place">For messages.</param>
    /// <exception cref="InvalidInputException">It is no such header.</exception>
    /// <exception cref="EndOfStreamException">It ends too early.</exception>
    public static NpyHeader Read(Stream stream, string place)
    {
        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        if (!prefix.StartsWith(Magic))
        {
            throw new InvalidInputException($"{place}: is no NumPy array.");
        }

        var (major, minor) = (prefix[6], prefix[7]);
        if (major is not (1 or 2) || minor != 0)
        {
            throw new InvalidInputException($"{place}: has the version {major}.{minor} of NumPy's array format; 1.0 and 2.0 can be read.");
        }

        var lengthBytes = major == 1 ? sizeof(ushort) : sizeof(uint);
        Span<byte> length = stackalloc byte[sizeof(uint)];
        length.Clear();
        stream.ReadExactly(length[..lengthBytes]);
        var textBytes = BinaryPrimitives.ReadUInt32LittleEndian(length);
        if (textBytes > MaximumTextBytes)
        {
            throw new InvalidInputException($"{place}: promises a header of {textBytes} bytes; at most {MaximumTextBytes} are allowed.");
        }

        var text = new byte[textBytes];
        stream.ReadExactly(text);
        return Parse(Encoding.Latin1.GetString(text), prefix.Length + lengthBytes + text.Length, place);
    }

    private static NpyHeader Parse(string text, int bytes, string place)
    {
        var literal = new Literal(text, place);
        string? descr = null;
        bool? fortranOrder = null;
        long[]? shape = null;
        literal.Expect('{');
        while (!literal.Accept('}'))
        {
            var key = literal.ReadText();
            literal.Expect(':');
            switch (key)
            {
                case "descr" when descr is null:
                    // Kept short: those of all arrays are held at once.
                    descr = TensorText.Shorten(literal.ReadText());
                    break;
                case "fortran_order" when fortranOrder is null:
                    fortranOrder = literal.ReadBoolean();
                    break;
                case "shape" when shape is null:
                    shape = literal.ReadIntegers(MaximumRank);
                    break;
                default:
                    throw literal.Refusal($"'{TensorText.Shorten(key)}' is unknown or stands there twice");
            }

            if (!literal.Accept(','))
            {
                literal.Expect('}');
                break;
            }
        }

        literal.ExpectEnd();
        return descr is not null && fortranOrder is { } fortran && shape is not null
            ? new NpyHeader(descr, fortran, shape, bytes)
            : throw literal.Refusal("it must say descr, fortran_order and shape");
    }

    /// <summary>As much of Python's literals as such a header can hold.</summary>
    private sealed class Literal(string text, string place)
    {
        private int _at;

        public InvalidInputException Refusal(string reason) =>
            new($"{place}: its header '{TensorText.Shorten(text.TrimEnd())}' cannot be read: {reason}.");

        public bool Accept(char wanted)
        {
            SkipSpace();
            var found = _at < text.Length && text[_at] == wanted;
            _at += found ? 1 : 0;
            return found;
        }

        public void Expect(char wanted)
        {
            if (!Accept(wanted))
            {
                throw Refusal($"'{wanted}' is missing at character {_at}");
            }
        }

        public void ExpectEnd()
        {
            SkipSpace();
            if (_at < text.Length)
            {
                throw Refusal($"text follows at character {_at}");
            }
        }

        public string ReadText()
        {
            var quote = Accept('\'') ? '\'' : Accept('"') ? '"' : throw Refusal($"a plain text is missing at character {_at} (arrays of records are no tensors)");
            var end = text.IndexOf(quote, _at);
            if (end < 0)
            {
                throw Refusal("a text does not end");
            }

            var result = text[_at..end];
            _at = end + 1;
            return result;
        }

        public bool ReadBoolean()
        {
            SkipSpace();
            foreach (var value in (ReadOnlySpan<bool>)[true, false])
            {
                var word = value ? "True" : "False";
                if (text.AsSpan(_at).StartsWith(word, StringComparison.Ordinal))
                {
                    _at += word.Length;
                    return value;
                }
            }

            throw Refusal($"True or False is missing at character {_at}");
        }

        public long[] ReadIntegers(int maximumCount)
        {
            var numbers = new List<long>();
            Expect('(');
            while (!Accept(')'))
            {
                numbers.Add(ReadInteger());
                if (numbers.Count > maximumCount)
                {
                    throw Refusal($"it has more than {maximumCount} dimensions");
                }

                if (!Accept(','))
                {
                    Expect(')');
                    break;
                }
            }

            return [.. numbers];
        }

        private long ReadInteger()
        {
            SkipSpace();
            var begin = _at;
            while (_at < text.Length && char.IsAsciiDigit(text[_at]))
            {
                _at++;
            }

            return long.TryParse(text.AsSpan(begin, _at - begin), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : throw Refusal($"a dimension is missing or too large at character {begin}");
        }

        private void SkipSpace()
        {
            while (_at < text.Length && text[_at] is (' ' or '\n' or '\t' or '\r'))
            {
                _at++;
            }
        }
    }
}
