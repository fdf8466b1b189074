using System.Text;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;
using Microsoft.Extensions.Time.Testing;
using Spectre.Console;
using Progress = DistTrain.Cli.Runs.Progress;

namespace DistTrain.Cli.Tests.Views;

/// <summary>What is handed over, and what the view's own thread makes of it. Time passes only where a test says so.</summary>
public sealed class LiveViewTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);
    private readonly FakeTimeProvider _time = new();
    private readonly StringWriter _error = new();
    private readonly FakeTerminal _terminal = new(80, 24);

    public void Dispose()
    {
        _terminal.Dispose();
        _error.Dispose();
    }

    [Fact]
    public async Task Show_ManyEvents_AreOneWriteAFrame()
    {
        using var view = View();
        view.Show(Start());
        await _terminal.UntilAsync(text => text.Contains("starting", StringComparison.Ordinal));
        var writes = _terminal.Writes.Count;

        for (var i = 1; i <= 100; i++)
        {
            view.Show(Step(i));
            view.Show(new WorkerChanged("joined", $"{i} (pid 1 on host)", 1, null, 0, 0));
        }

        _time.Advance(view.Interval);
        await _terminal.UntilAsync(text => text.Contains("to go", StringComparison.Ordinal));
        Assert.Equal(writes + 1, _terminal.Writes.Count);
        Assert.Equal(Enumerable.Range(1, 100).Select(i => $"worker {i} (pid 1 on host) joined"), _terminal.Screen.Lines.Where(line => line.EndsWith("joined", StringComparison.Ordinal)));
        Assert.Single(_terminal.Screen.Rows, row => row.Contains("to go", StringComparison.Ordinal));
        Assert.Equal(0, _terminal.Screen.Cursor.Column);
    }

    /// <summary>Whoever trains hands over and goes on, in bounded memory; and the end waits no longer than it may.</summary>
    [Fact]
    public async Task Show_TerminalThatTakesNothing_HoldsNobodyUp()
    {
        _terminal.Block();
        var view = View(TimeSpan.FromMilliseconds(20));
        view.Show(Start());
        await _terminal.Blocked.WaitAsync(Deadline, TestContext.Current.CancellationToken);

        for (var i = 0; i < 3 * LiveView.MostLines; i++)
        {
            view.Show(Step(i));
            view.Warn($"warning {i}");
        }

        view.Show(new Stopped(3, "/runs/a", 75));
        view.Dispose();
        Assert.Empty(_terminal.Writes);

        _terminal.Unblock();
        await _terminal.UntilAsync(text => text.Contains("stopped after step 3", StringComparison.Ordinal));
        Assert.Contains(_terminal.Screen.Lines, line => line == $"({(2 * LiveView.MostLines) + 1} lines left out, which this terminal did not take in time)");
        Assert.Equal(LiveView.MostLines - 1, _terminal.Screen.Lines.Count(line => line.StartsWith("warning", StringComparison.Ordinal)));
        Assert.DoesNotContain(_terminal.Screen.Rows, row => row.Contains("to go", StringComparison.Ordinal));
        Assert.Equal("", _error.ToString());
    }

    /// <summary>A terminal that is gone, in each of the ways in which it says so, and a fault of the view itself: told once, and warnings go where they can be read.</summary>
    [Theory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(UnauthorizedAccessException))]
    [InlineData(typeof(ObjectDisposedException))]
    [InlineData(typeof(InvalidOperationException))]
    public async Task Show_TerminalThatIsGone_IsToldOnce(Type failure)
    {
        var view = View();
        view.Show(Start());
        await _terminal.UntilAsync(text => text.Contains("starting", StringComparison.Ordinal));
        _terminal.Failure = failure == typeof(ObjectDisposedException) ? new ObjectDisposedException("the terminal") : (Exception)Activator.CreateInstance(failure, "it is gone")!;

        view.Warn("before");
        _time.Advance(view.Interval);
        await _terminal.Failed.WaitAsync(Deadline, TestContext.Current.CancellationToken);
        view.Show(Step(1));
        view.Show(new EpochDone(1, 600, 0.3, 0.2, 0.9512, 57_000, 3));
        view.Show(new Stopped(3, "/runs/a", 75));
        view.Dispose();
        view.Warn("after");

        var told = _error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Single(told, line => line.StartsWith("The terminal shows nothing more of this run", StringComparison.Ordinal));
        Assert.Contains("after", told);
    }

    /// <summary>Standard error may be a file, which is where its reader looks for warnings.</summary>
    [Fact]
    public void Warn_StandardErrorElsewhere_GoesThere()
    {
        using (var view = View(errorIsTerminal: false))
        {
            view.Show(Start());
            view.Warn("12:00:00 WRN something");
        }

        Assert.Equal("12:00:00 WRN something", _error.ToString().TrimEnd());
        Assert.DoesNotContain("something", _terminal.Screen.Raw, StringComparison.Ordinal);
    }

    /// <summary>What is exactly as wide as the terminal keeps its last character, and no row is lost or left over.</summary>
    [Theory]
    [InlineData(79)]
    [InlineData(80)]
    [InlineData(81)]
    [InlineData(160)]
    public void Show_LinesAsWideAsTheTerminal_AreWhole(int length)
    {
        var lines = Enumerable.Range(0, 5).Select(i => new string((char)('a' + i), length)).ToArray();
        using (var view = View())
        {
            view.Show(Start());
            Array.ForEach(lines, view.Warn);
        }

        Assert.Equal(lines, _terminal.Screen.Lines.Where(line => lines.Contains(line)));
        Assert.DoesNotContain(_terminal.Screen.Rows, row => row.Contains("starting", StringComparison.Ordinal));
    }

    /// <summary>Wider or narrower: each frame fits, and no line that scrolled by is lost.</summary>
    [Fact]
    public async Task Show_WindowThatChanges_IsDrawnAnew()
    {
        using var view = View();
        view.Show(Start());
        view.Warn("a line to keep");
        await _terminal.UntilAsync(text => text.Contains("starting", StringComparison.Ordinal));
        var step = 0;
        foreach (var width in (int[])[200, 40, 13, 120, 40])
        {
            _terminal.Resize(width);
            view.Show(Step(++step));
            _time.Advance(view.Interval);
            await _terminal.UntilAsync(_ => _terminal.Writes.Count > step);
            var frame = _terminal.Screen.Rows.Skip(_terminal.Screen.Cursor.Row - 2).Take(2).ToArray();
            Assert.All(frame, row => Assert.InRange(row.Length, 1, width - 1));
            Assert.StartsWith("loss ", frame[1], StringComparison.Ordinal);
            Assert.Single(_terminal.Screen.Rows, row => row.StartsWith("loss ", StringComparison.Ordinal));
        }

        Assert.Single(_terminal.Screen.Lines, line => line == "a line to keep");
    }

    /// <summary>Names and reasons come from other machines.</summary>
    [Fact]
    public void Show_ControlCharacters_DoNotReachTheTerminal()
    {
        using (var view = View())
        {
            view.Show(new WorkerChanged("refused", "from there", null, "\e]0;title\a\e[2J\u009b2J", 0, 0));
        }

        Assert.Contains(_terminal.Screen.Lines, line => line == "worker from there refused: ?]0;title??[2J?2J");
    }

    private static Started Start() => new("/runs/a", "two-layer", "mnist", "sgd", 3000, 600, 100, 8, 1, 3, 1, "127.0.0.1:1", "0.1.0", 1);

    private static Progress Step(int step) => new(step, 3000, 1, 0.5, 57_300, step, 12);

    private LiveView View(TimeSpan? patience = null, bool errorIsTerminal = true)
    {
        var surroundings = new Surroundings
        {
            Output = TextWriter.Null,
            Error = TextWriter.Synchronized(_error),
            Variable = _ => null,
            Time = _time,
            ErrorIsTerminal = errorIsTerminal,
        };
        return new LiveView(_terminal.Profile, _terminal, surroundings) { Patience = patience ?? Deadline };
    }

    /// <summary>Shows what is written to it, write by write, unless it is told to take nothing or to fail.</summary>
    private sealed class FakeTerminal : StringWriter, IAnsiConsoleOutput
    {
        private readonly ManualResetEventSlim _isOpen = new(initialState: true);
        private readonly TaskCompletionSource _blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly SemaphoreSlim _written = new(0);

        public FakeTerminal(int width, int height)
        {
            (Width, Height, Screen) = (width, height, new TerminalScreen(width, height));
            Profile = AnsiConsole.Create(new AnsiConsoleSettings
            {
                Out = this,
                Ansi = AnsiSupport.Yes,
                ColorSystem = ColorSystemSupport.EightBit,
                Interactive = InteractionSupport.Yes,
                Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
            }).Profile;
            Profile.Capabilities.Unicode = true;
        }

        public Profile Profile { get; }

        public TerminalScreen Screen { get; }

        public List<string> Writes { get; } = [];

        public Exception? Failure { get; set; }

        public Task Blocked => _blocked.Task;

        public Task Failed => _failed.Task;

        public TextWriter Writer => this;

        public bool IsTerminal => true;

        public int Width { get; private set; }

        public int Height { get; }

        public override Encoding Encoding => Encoding.UTF8;

        public void Block() => _isOpen.Reset();

        public void Unblock() => _isOpen.Set();

        public void Resize(int width)
        {
            Width = width;
            Screen.Resize(width);
        }

        public void SetEncoding(Encoding encoding)
        {
        }

        /// <summary>Returns once the test holds of what was written last.</summary>
        public async Task UntilAsync(Func<string, bool> holds)
        {
            do
            {
                Assert.True(await _written.WaitAsync(Deadline, TestContext.Current.CancellationToken), Screen.Raw);
            }
            while (!holds(Writes[^1]));
        }

        public override void Flush()
        {
            if (!_isOpen.IsSet)
            {
                _blocked.TrySetResult();
            }

            _isOpen.Wait();
            if (Failure is { } failure)
            {
                _failed.TrySetResult();
                throw failure;
            }

            var text = GetStringBuilder().ToString();
            GetStringBuilder().Clear();
            Screen.Take(text);
            Writes.Add(text);
            _written.Release();
        }
    }
}
