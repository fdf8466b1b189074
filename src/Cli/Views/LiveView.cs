using System.Globalization;
using System.Text;
using DistTrain.Cli.Runs;
using Spectre.Console;
using Progress = DistTrain.Cli.Runs.Progress;

namespace DistTrain.Cli.Views;

/// <summary>
/// For a person at a terminal: a <see cref="RunScreen"/> that is drawn again in place; what is worth keeping scrolls by above it. It alone writes to the terminal while it
/// is there.
/// </summary>
/// <remarks>
/// A terminal may take nothing for as long as it likes (Ctrl-S, a stalled connection), or for good; no run waits for it, and none fails by it. So events are only handed over,
/// into bounded memory, and a thread of the view's own draws. What it draws at a time is one write: no frame is seen half done. The cursor stays visible, at the begin
/// of the line below the screen, so that a program that is killed leaves nothing to be put right.
/// When the window becomes narrower, terminals differ in whether they break the lines that are there; it is taken that they do not. On one that does, a piece of the
/// old screen stays above the new one; the other way round, lines that are worth keeping would be erased.
/// </remarks>
/// <param name="terminal">How large it is, and what it knows.</param>
/// <param name="output">Writes to it; one flush is one write.</param>
/// <param name="surroundings">For the clock, and for standard error.</param>
public sealed class LiveView(Profile terminal, TextWriter output, Surroundings surroundings) : IRunView
{
    /// <summary>So many lines wait for a terminal that takes none.</summary>
    public const int MostLines = 1000;

    private const int WriteSize = 1 << 16;

    /// <summary>Whoever asks twice for the end does not want to wait for it.</summary>
    private static readonly TimeSpan PatienceAtExit = TimeSpan.FromMilliseconds(300);

    /// <summary>Held by the run's threads too, so never while the terminal is written to.</summary>
    private readonly object _gate = new();
    private readonly RunScreen _screen = new();
    private readonly Queue<(string Text, bool IsWarning)> _lines = new();
    private readonly Painter _painter = new(terminal);
    private ITimer? _timer;
    private Thread? _thread;
    private string _drawn = "";
    private long _leftOut;
    private bool _isDue;
    private bool _isOnScreen;
    private bool _isClosed;
    private bool _hasFailed;

    /// <inheritdoc/>
    public TimeSpan Interval { get; } = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc/>
    public bool ShowsWorkers => true;

    /// <summary>How long to wait at the end for the terminal to take what is left.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>On this process's standard output, which is a terminal; null if lines cannot be drawn again on it.</summary>
    public static LiveView? OnTerminal(Surroundings surroundings)
    {
        var terminal = AnsiConsole.Console.Profile;
        // Not whether it is interactive: that would ask for standard input and standard error as well, and neither is needed.
        if (!terminal.Capabilities.Ansi)
        {
            return null;
        }

        var encoding = terminal.Encoding is UTF8Encoding ? new UTF8Encoding(encoderShouldEmitUTF8Identifier: false) : terminal.Encoding;
        return new LiveView(terminal, new StreamWriter(Console.OpenStandardOutput(), encoding, WriteSize), surroundings);
    }

    /// <inheritdoc/>
    public void Show(RunEvent happened)
    {
        lock (_gate)
        {
            _screen.Take(happened);
            switch (happened)
            {
                case Progress or ClusterGlance:
                // Told every few seconds, and by the log as well; the screen says it all the time.
                case WorkerChanged { What: "waiting" }:
                case CheckpointDone { Reason: null }:
                    break;
                case Started:
                    _isOnScreen = true;
                    Add(EventText.Of(happened), isWarning: false);
                    Hasten();
                    break;
                case Completed or Stopped or Failed:
                    _isOnScreen = false;
                    Add(EventText.Of(happened), isWarning: false);
                    Hasten();
                    break;
                default:
                    Add(EventText.Of(happened), isWarning: false);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public void Warn(string line)
    {
        // Where standard error goes elsewhere, it goes there.
        var isForTerminal = surroundings.ErrorIsTerminal;
        if (isForTerminal)
        {
            lock (_gate)
            {
                isForTerminal = !_hasFailed && !_isClosed;
                if (isForTerminal)
                {
                    Add(line, isWarning: true);
                }
            }
        }

        if (!isForTerminal)
        {
            surroundings.Tell(line);
        }
    }

    /// <summary>Takes the screen away. A terminal that takes nothing is given up.</summary>
    public void Dispose()
    {
        Close(Patience);
        AppDomain.CurrentDomain.ProcessExit -= CloseAtExit;
        _timer?.Dispose();
    }

    private void CloseAtExit(object? sender, EventArgs e) => Close(PatienceAtExit);

    private void Close(TimeSpan patience)
    {
        lock (_gate)
        {
            _isClosed = true;
            Hasten();
        }

        _thread?.Join(patience);
    }

    /// <summary>Lines to write when the terminal next takes some; the oldest give way.</summary>
    private void Add(string text, bool isWarning)
    {
        if (_hasFailed || _isClosed)
        {
            return;
        }

        foreach (var line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            _lines.Enqueue((Harmless(line), isWarning));
        }

        for (; _lines.Count > MostLines; _leftOut++)
        {
            _lines.Dequeue();
        }

        if (_thread is null)
        {
            AppDomain.CurrentDomain.ProcessExit += CloseAtExit;
            _timer = surroundings.Time.CreateTimer(_ => Tick(), null, Interval, Interval);
            // One that the end of the process does not wait for.
            _thread = new Thread(Draw) { IsBackground = true, Name = "terminal" };
            _thread.Start();
        }
    }

    private void Tick()
    {
        lock (_gate)
        {
            Hasten();
        }
    }

    private void Hasten()
    {
        _isDue = true;
        Monitor.PulseAll(_gate);
    }

    /// <summary>The thread's work.</summary>
    private void Draw()
    {
        try
        {
            bool isLast;
            do
            {
                isLast = WaitUntilDue();
                if (Compose() is { Length: > 0 } text)
                {
                    output.Write(text);
                    output.Flush();
                }
            }
            while (!isLast);
        }
#pragma warning disable CA1031 // A terminal that is gone, or a fault in drawing: a run is worth more than what is seen of it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Fail(e);
        }
    }

    /// <returns>Whether it is the last time.</returns>
    private bool WaitUntilDue()
    {
        lock (_gate)
        {
            while (!_isDue)
            {
                Monitor.Wait(_gate);
            }

            _isDue = false;
            return _isClosed;
        }
    }

    /// <summary>The old screen away, the new lines, the new screen below them; nothing if nothing has changed.</summary>
    private string Compose()
    {
        var (width, height) = (terminal.Width, terminal.Height);
        lock (_gate)
        {
            var frame = _isOnScreen && !_isClosed ? _painter.Paint(_screen, width, height) : "";
            if (frame == _drawn && _lines.Count == 0)
            {
                return "";
            }

            var text = new StringBuilder();
            if (_drawn.AsSpan().Count('\n') is var rows and > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"\r\e[{rows}A\e[J");
            }

            if (_leftOut > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"({_leftOut} lines left out, which this terminal did not take in time)\r\n");
                _leftOut = 0;
            }

            foreach (var (line, _) in _lines)
            {
                text.Append(line).Append("\r\n");
            }

            _lines.Clear();
            _drawn = frame;
            return text.Append(frame).ToString();
        }
    }

    private void Fail(Exception e)
    {
        string[] warnings;
        lock (_gate)
        {
            _hasFailed = true;
            warnings = [.. _lines.Where(line => line.IsWarning).Select(line => line.Text)];
            _lines.Clear();
        }

        surroundings.Tell($"The terminal shows nothing more of this run, which goes on: {e.Message} {RunDirectory.MetricsFileName} and the log have everything.");
        Array.ForEach(warnings, surroundings.Tell);
    }

    /// <summary>What comes from other machines does not get to command the terminal.</summary>
    private static string Harmless(string line) => string.Create(line.Length, line, (text, from) =>
    {
        for (var i = 0; i < text.Length; i++)
        {
            text[i] = char.IsControl(from[i]) && from[i] != '\t' ? '?' : from[i];
        }
    });

    /// <summary>Turns a screen into text with colours.</summary>
    private sealed class Painter
    {
        private readonly StringBuilder _text = new();
        private readonly IAnsiConsole _console;

        public Painter(Profile terminal)
        {
            _console = AnsiConsole.Create(new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.Yes,
                ColorSystem = (ColorSystemSupport)terminal.Capabilities.ColorSystem,
                Interactive = InteractionSupport.No,
                Out = new AnsiConsoleOutput(new StringWriter(_text, CultureInfo.InvariantCulture)),
                Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
            });
            _console.Profile.Capabilities.Unicode = terminal.Capabilities.Unicode;
        }

        /// <summary>Its lines, each with its end.</summary>
        public string Paint(RunScreen screen, int width, int height)
        {
            (_console.Profile.Width, _console.Profile.Height) = (Math.Max(1, width), Math.Max(1, height));
            _text.Clear();
            _console.Write(screen);
            return _text.ToString().ReplaceLineEndings("\r\n");
        }
    }
}
