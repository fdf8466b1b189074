using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace DistTrain.Cli.Tests.Processes;

/// <summary>
/// A terminal with this program in it: a real pseudo-terminal, which <c>script</c> opens, and what an emulator would show, with everything that has scrolled out of sight.
/// It knows the sequences that this program writes and fails on others.
/// </summary>
internal sealed class Terminal : IDisposable
{
    private readonly int _columns;
    private readonly int _height;
    private readonly Process _process;
    private readonly StringBuilder _raw = new();
    private readonly List<StringBuilder> _rows = [new()];
    private int _row;
    private int _column;
    private string _sequence = "";

    private Terminal(int columns, int height, Process process) => (_columns, _height, _process) = (columns, height, process);

    /// <summary>Whether this system can open one.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() && File.Exists("/usr/bin/script") && File.Exists("/usr/bin/stty");

    /// <summary>Whether its cursor shows.</summary>
    public bool ShowsCursor { get; private set; } = true;

    /// <summary>What is on it, and was.</summary>
    public IReadOnlyList<string> Lines => [.. _rows.Select(row => row.ToString().TrimEnd())];

    /// <summary>Everything written, as it came.</summary>
    public string Raw => _raw.ToString();

    /// <summary>Starts this program on a terminal.</summary>
    /// <param name="columns">Its width.</param>
    /// <param name="height">Its height.</param>
    /// <param name="directory">Where it runs.</param>
    /// <param name="arguments">Without blanks or quotes.</param>
    public static Terminal Start(int columns, int height, string directory, params string[] arguments)
    {
        var command = $"stty cols {columns} rows {height}; exec dotnet {typeof(DistTrainCommand).Assembly.Location} {string.Join(' ', arguments)}";
        var start = new ProcessStartInfo("/usr/bin/script", ["-q", "-e", "-f", "-c", command, "/dev/null"])
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        foreach (var name in (string[])["CI", "NO_COLOR"])
        {
            start.Environment.Remove(name);
        }

        start.Environment["TERM"] = "xterm-256color";
        start.Environment["LANG"] = start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment["SHELL"] = "/bin/sh";
        return new Terminal(columns, height, Process.Start(start)!);
    }

    /// <summary>Types, for example <c>\x03</c> for Ctrl-C.</summary>
    public void Type(string text)
    {
        _process.StandardInput.Write(text);
        _process.StandardInput.Flush();
    }

    /// <summary>Takes in what is written, until the given test of it holds or the program has ended.</summary>
    /// <returns>Whether it holds.</returns>
    public async Task<bool> ReadUntilAsync(Func<Terminal, bool> holds, CancellationToken cancellation)
    {
        var buffer = new char[4096];
        while (!holds(this))
        {
            var count = await _process.StandardOutput.ReadAsync(buffer, cancellation);
            if (count == 0)
            {
                return false;
            }

            foreach (var character in buffer.AsSpan(0, count))
            {
                Take(character);
            }
        }

        return true;
    }

    /// <summary>Takes in everything until the program has ended, and gives its exit code.</summary>
    public async Task<int> ReadToEndAsync(CancellationToken cancellation)
    {
        await ReadUntilAsync(_ => false, cancellation);
        await _process.WaitForExitAsync(cancellation);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
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
        if (_column == _columns)
        {
            _column = 0;
            Move(_row + 1);
        }

        var row = _rows[_row];
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
            _rows.Add(new StringBuilder());
        }

        _row = Math.Max(row, Math.Max(0, _rows.Count - _height));
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
                _rows[_row].Clear();
                break;
            case ('K', "" or "0"):
                _rows[_row].Length = Math.Min(_rows[_row].Length, _column);
                break;
            case ('J', "" or "0"):
                _rows[_row].Length = Math.Min(_rows[_row].Length, _column);
                _rows.RemoveRange(_row + 1, _rows.Count - _row - 1);
                break;
            default:
                throw new InvalidOperationException($"This terminal does not know ESC [ {parameters}{command}.");
        }
    }

    private static int Count(string parameters) => parameters.Length == 0 ? 1 : int.Parse(parameters, CultureInfo.InvariantCulture);
}
