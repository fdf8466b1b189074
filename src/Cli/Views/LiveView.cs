using System.Globalization;
using DistTrain.Cli.Runs;
using Spectre.Console;
using Progress = DistTrain.Cli.Runs.Progress;

namespace DistTrain.Cli.Views;

/// <summary>
/// For a person at a terminal: a bar that moves, with epoch, loss, accuracy, speed and time left; what is worth keeping scrolls by above it.
/// It alone writes to the terminal while it is there.
/// </summary>
public sealed class LiveView : IRunView
{
    private readonly IAnsiConsole _console;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private Task _drawing = Task.CompletedTask;
    private ProgressTask? _bar;
    private string _accuracy = "";

    /// <summary>A view on a terminal.</summary>
    public LiveView(IAnsiConsole console) => _console = console;

    /// <summary>On this process's standard output.</summary>
    public static LiveView OnTerminal() => new(AnsiConsole.Console);

    /// <inheritdoc/>
    public TimeSpan Interval { get; } = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc/>
    public void Show(RunEvent happened)
    {
        lock (_gate)
        {
            switch (happened)
            {
                case Started started:
                    _console.WriteLine(EventText.Of(started));
                    Open(started.Steps);
                    break;
                case Progress progress:
                    Draw(progress);
                    break;
                case EpochDone { TestAccuracy: { } accuracy }:
                    _accuracy = EventText.Percent(accuracy);
                    _console.WriteLine(EventText.Of(happened));
                    break;
                case Evaluated evaluated:
                    _accuracy = EventText.Percent(evaluated.TestAccuracy);
                    _console.WriteLine(EventText.Of(evaluated));
                    break;
                case CheckpointDone { Reason: null }:
                    break;
                case Completed completed:
                    Close();
                    _console.WriteLine(EventText.Of(completed));
                    break;
                default:
                    _console.WriteLine(EventText.Of(happened));
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public void Warn(string line)
    {
        lock (_gate)
        {
            _console.WriteLine(line);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Close();

    private void Open(long steps)
    {
        var opened = new TaskCompletionSource<ProgressTask>();
        _drawing = _console.Progress()
            .AutoClear(true)
            .Columns(new ProgressBarColumn { Width = 20 }, new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .StartAsync(async context =>
            {
                opened.SetResult(context.AddTask("starting", maxValue: steps));
                await _closed.Task.ConfigureAwait(false);
            });
        _bar = opened.Task.GetAwaiter().GetResult();
    }

    private void Draw(Progress progress)
    {
        if (_bar is null)
        {
            return;
        }

        _bar.Value = progress.Step;
        _bar.Description = string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {progress.Epoch}  loss {EventText.Number(progress.TrainLoss, "F4")}  {(_accuracy.Length == 0 ? "" : $"accuracy {_accuracy}  ")}"
            + $"{EventText.Number(progress.SamplesPerSecond, "N0")} samples/s  {EventText.Remaining(progress)} to go");
    }

    private void Close()
    {
        if (_closed.TrySetResult())
        {
            _drawing.GetAwaiter().GetResult();
        }
    }
}
