using System.Text;

namespace DistTrain.Core.Data;

/// <summary>
/// The cells of a CSV text, one after the other. Rows end with LF or CRLF, cells are separated by commas, blanks around a cell are not part of it, and a
/// cell in quotation marks may hold commas, line ends and doubled quotation marks. Source: RFC 4180.
/// </summary>
/// <param name="text">UTF-8, with or without a byte order mark.</param>
/// <param name="file">What to call it in messages.</param>
internal ref struct CsvCells(ReadOnlySpan<byte> text, string file)
{
    private const int ShownCharacters = 40;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = text.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text;
    private int _lineOfNext = 1;
    private bool _rowHasEnded = true;

    /// <summary>The line, from 1, in which the last cell begins.</summary>
    public int Line { get; private set; }

    /// <summary>The last cell's number in its row, from 1.</summary>
    public int Column { get; private set; }

    /// <summary>Whether the last cell is the last of its row.</summary>
    public readonly bool EndsRow => _rowHasEnded;

    /// <summary>Whether there is another row: a line end at the very end begins none.</summary>
    public readonly bool HasMore => !_rest.IsEmpty || !_rowHasEnded;

    /// <summary>The next cell, without its quotation marks; call it while <see cref="HasMore"/>.</summary>
    /// <exception cref="InvalidInputException">It is malformed.</exception>
    public ReadOnlySpan<byte> Next()
    {
        (Line, Column) = (_lineOfNext, _rowHasEnded ? 1 : Column + 1);
        var trimmed = _rest.TrimStart(" \t"u8);
        if (trimmed is [(byte)'"', ..])
            return Quoted(trimmed);
        var length = _rest.IndexOfAny((byte)',', (byte)'\n');
        var cell = length < 0 ? _rest : _rest[..length];
        var content = cell.Trim(" \t\r"u8);
        if (content.Contains((byte)'"'))
            throw Wrong("it has a quotation mark inside; a cell with one is put into quotation marks, and the mark doubled");
        Advance(_rest[cell.Length..]);
        return content;
    }

    /// <summary>The last cell's text.</summary>
    /// <exception cref="InvalidInputException">The bytes are no UTF-8.</exception>
    public readonly string Text(ReadOnlySpan<byte> cell)
    {
        try
        {
            return Strict.GetString(cell);
        }
        catch (DecoderFallbackException exception)
        {
            throw new InvalidInputException(Wrong("it is no UTF-8 text").Message, exception);
        }
    }

    /// <summary>An error at the last cell.</summary>
    public readonly InvalidInputException Wrong(string what) => new(FormattableString.Invariant($"'{file}', line {Line}, column {Column}: {what}."));

    /// <summary>A cell as messages show it: short and printable, in quotation marks.</summary>
    public static string Show(ReadOnlySpan<byte> cell) => Show(Encoding.UTF8.GetString(cell[..Math.Min(cell.Length, 4 * ShownCharacters)]));

    /// <inheritdoc cref="Show(ReadOnlySpan{byte})"/>
    public static string Show(string cell)
    {
        var shown = cell.Length > ShownCharacters ? cell[..ShownCharacters] + "…" : cell;
        return $"'{string.Concat(shown.Select(character => char.IsControl(character) ? '?' : character))}'";
    }

    private ReadOnlySpan<byte> Quoted(ReadOnlySpan<byte> from)
    {
        var content = from[1..];
        var end = 0;
        var isDoubled = false;
        while (true)
        {
            var next = content[end..].IndexOf((byte)'"');
            if (next < 0)
                throw Wrong("its quotation mark is never closed");
            end += next;
            if (end + 1 == content.Length || content[end + 1] != '"')
                break;
            isDoubled = true;
            end += 2;
        }

        var rest = content[(end + 1)..].TrimStart(" \t\r"u8);
        if (rest is not ([] or [(byte)',' or (byte)'\n', ..]))
            throw Wrong("something follows its closing quotation mark");
        content = content[..end];
        _lineOfNext += content.Count((byte)'\n');
        Advance(rest);
        return isDoubled ? Strict.GetBytes(Text(content).Replace("\"\"", "\"", StringComparison.Ordinal)) : content;
    }

    /// <summary>Goes behind a cell's end: a comma, a line end, or nothing.</summary>
    private void Advance(ReadOnlySpan<byte> from)
    {
        _rowHasEnded = from is not [(byte)',', ..];
        if (from is [(byte)'\n', ..])
            _lineOfNext++;
        _rest = from.IsEmpty ? from : from[1..];
    }
}
