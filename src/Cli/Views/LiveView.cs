using DistTrain.Cli.Runs;
using Spectre.Console;
using Progress = DistTrain.Cli.Runs.Progress;

namespace DistTrain.Cli.Views;

/// <summary>
/// For a person at a terminal: a <see cref="RunScreen"/> that is drawn again in place; what is worth keeping scrolls by above it. It alone writes to the terminal while it
/// is there.
/// </summary>
public sealed class LiveView : IRunView
{
    private readonly IAnsiConsole _console;
    private readonly RunScreen _screen = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private Task _drawing = Task.CompletedTask;
    private LiveDisplayContext? _display;

    /// <summary>A view on a terminal.</summary>
    public LiveView(IAnsiConsole console) => _console = console;

    /// <summary>On this process's standard output.</summary>
    public static LiveView OnTerminal() => new(AnsiConsole.Console);

    /// <inheritdoc/>
    public TimeSpan Interval { get; } = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc/>
    public bool ShowsWorkers => true;

    /// <inheritdoc/>
    public void Show(RunEvent happened)
    {
        lock (_gate)
        {
            _screen.Take(happened);
            switch (happened)
            {
                case Started:
                    Write(happened);
                    Open();
                    break;
                case Progress or ClusterGlance:
                    _display?.Refresh();
                    break;
                // Told every few seconds; the screen says it all the time.
                case WorkerChanged { What: "waiting" } when _display is not null:
                case CheckpointDone { Reason: null }:
                    break;
                case Completed or Stopped or Failed:
                    Close();
                    Write(happened);
                    break;
                default:
                    Write(happened);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public void Warn(string line)
    {
        lock (_gate)
        {
            _console.Write(new ScrollingText(line));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            Close();
        }
    }

    private void Write(RunEvent happened) => _console.Write(new ScrollingText(EventText.Of(happened)));

    private void Open()
    {
        AppDomain.CurrentDomain.ProcessExit += ShowCursor;
        var opened = new TaskCompletionSource<LiveDisplayContext>();
        _drawing = _console.Live(_screen).AutoClear(true).StartAsync(async display =>
        {
            opened.SetResult(display);
            await _closed.Task.ConfigureAwait(false);
        });
        _display = opened.Task.GetAwaiter().GetResult();
    }

    private void Close()
    {
        if (_closed.TrySetResult() && _display is not null)
        {
            _drawing.GetAwaiter().GetResult();
            _display = null;
            AppDomain.CurrentDomain.ProcessExit -= ShowCursor;
        }
    }

    /// <summary>A second Ctrl-C ends the process at once; the terminal's next user wants to see where they write.</summary>
    private void ShowCursor(object? sender, EventArgs e) => _console.Cursor.Show();
}
