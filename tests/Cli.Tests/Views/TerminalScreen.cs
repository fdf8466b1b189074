using System.Globalization;
using System.Text;

namespace DistTrain.Cli.Tests.Views;

/// <summary>
/// What a terminal would show, with everything that has scrolled out of sight. It does as xterm does, and knows the sequences that this program writes; others it refuses.
/// </summary>
internal sealed class TerminalScreen(int columns, int height)
{
    private readonly StringBuilder _raw = new();
    private readonly List<Row> _rows = [new()];
    private int _columns = columns;
    private int _row;
    private string _sequence = "";

    /// <summary>Where the next character goes; the number of columns, if the last one was written and the next character wraps.</summary>
    private int _column;

    /// <summary>Whether its cursor shows.</summary>
    public bool ShowsCursor { get; private set; } = true;

    /// <summary>Where its cursor is.</summary>
    public (int Row, int Column) Cursor => (_row, _column);

    /// <summary>What is on it, and was, row by row.</summary>
    public IReadOnlyList<string> Rows => [.. _rows.Select(row => row.Text.ToString().TrimEnd())];

    /// <summary>The same in lines as they were written, whatever the terminal has broken.</summary>
    public IReadOnlyList<string> Lines =>
        [.. string.Concat(_rows.Select(row => row.Text + (row.IsWrapped ? "" : "\n"))).Split('\n').Select(line => line.TrimEnd())];

    /// <summary>Everything written, as it came.</summary>
    public string Raw => _raw.ToString();

    /// <summary>The window becomes narrower or wider; what is there is not broken anew.</summary>
    public void Resize(int columns) => _columns = columns;

    /// <summary>Takes in what is written.</summary>
    public void Take(ReadOnlySpan<char> text)
    {
        foreach (var character in text)
        {
            Take(character);
        }
    }

    private void Take(char character)
    {
        _raw.Append(character);
        if (_sequence.Length > 0 || character == '\e')
        {
            _sequence += character;
            if (_sequence.Length == 2 && character != '[')
            {
                // The kind of the number pad's keys, which matters to what is typed.
                _sequence = "";
            }
            else if (_sequence.Length > 2 && char.IsAsciiLetter(character))
            {
                Obey(_sequence[2..^1], character);
                _sequence = "";
            }

            return;
        }

        switch (character)
        {
            case '\r':
                _column = 0;
                break;
            case '\n':
                Move(_row + 1);
                break;
            case '\a':
                break;
            default:
                Put(character);
                break;
        }
    }

    private void Put(char character)
    {
        if (_column >= _columns)
        {
            _rows[_row].IsWrapped = true;
            _column = 0;
            Move(_row + 1);
        }

        var row = _rows[_row].Text;
        row.Append(' ', Math.Max(0, _column - row.Length));
        if (_column < row.Length)
        {
            row[_column] = character;
        }
        else
        {
            row.Append(character);
        }

        _column++;
    }

    /// <summary>Down adds rows at the end; up stops at the first one in sight.</summary>
    private void Move(int row)
    {
        while (row >= _rows.Count)
        {
            _rows.Add(new Row());
        }

        _row = Math.Max(row, Math.Max(0, _rows.Count - height));
    }

    private void Obey(string parameters, char command)
    {
        switch (command, parameters)
        {
            case ('m', _):
                break;
            case ('h' or 'l', "?25"):
                ShowsCursor = command == 'h';
                break;
            // Application keys, which matter to what is typed.
            case ('h' or 'l', "?1"):
                break;
            case ('A', _):
                Move(_row - Count(parameters));
                break;
            case ('B', _):
                Move(_row + Count(parameters));
                break;
            case ('K', "2"):
                Erase(0);
                break;
            case ('K', "" or "0"):
                Erase(Math.Min(_column, _columns - 1));
                break;
            case ('J', "" or "0"):
                // What is erased below stays as blank rows: the terminal does not become shorter.
                Erase(Math.Min(_column, _columns - 1));
                foreach (var row in _rows.Skip(_row + 1))
                {
                    row.Text.Clear();
                    row.IsWrapped = false;
                }

                break;
            default:
                throw new InvalidOperationException($"This terminal does not know ESC [ {parameters}{command}.");
        }
    }

    private void Erase(int from)
    {
        var row = _rows[_row];
        row.Text.Length = Math.Min(row.Text.Length, from);
        row.IsWrapped = false;
    }

    private static int Count(string parameters) => parameters.Length == 0 ? 1 : int.Parse(parameters, CultureInfo.InvariantCulture);

    private sealed class Row
    {
        public StringBuilder Text { get; } = new();

        /// <summary>Whether its last column was written and the line goes on in the next row.</summary>
        public bool IsWrapped { get; set; }
    }
}
