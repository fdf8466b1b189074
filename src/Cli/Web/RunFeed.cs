using System.Threading.Channels;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;

namespace DistTrain.Cli.Web;

/// <summary>
/// What a run tells, kept for whoever comes late, in bounded memory: of long runs ever fewer of the steps and epochs, evenly over all their time, and of what happened the newest.
/// A view among others: any number of readers get the same, from the beginning.
/// </summary>
public sealed class RunFeed : IRunView
{
    private const int MostSteps = 2000;
    private const int MostGlances = 480;
    private const int MostLogLines = 200;
    private const int MostOthers = 2000;

    /// <summary>A reader that is so far behind is let go: it comes again, and begins anew.</summary>
    private const int MostUnread = 1024;

    private readonly Lock _gate = new();
    private readonly List<Channel<string>> _readers = [];
    private readonly EvenlyThinned _starts = new(MostSteps);
    private readonly EvenlyThinned _progress = new(MostSteps);
    private readonly EvenlyThinned _epochs = new(MostSteps);
    private readonly EvenlyThinned _glances = new(MostGlances);
    private readonly Newest _others = new(MostOthers);
    private readonly Newest _log = new(MostLogLines);
    private readonly Newest _specification = new(1);
    private readonly Newest _testLook = new(1);
    private readonly Newest _filterLook = new(1);
    private long _count;
    private bool _isOver;

    /// <inheritdoc/>
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public bool ShowsWorkers => true;

    /// <inheritdoc/>
    public void Show(RunEvent happened) => Add(
        happened switch
        {
            Started => _starts,
            Progress => _progress,
            EpochDone or Evaluated => _epochs,
            ClusterGlance => _glances,
            LogLine => _log,
            Specification => _specification,
            TestLook => _testLook,
            FilterLook => _filterLook,
            _ => _others,
        },
        happened.ToJson());

    /// <inheritdoc/>
    public void Warn(string line) => Show(new LogLine(line));

    /// <summary>How many read on.</summary>
    public int ReaderCount
    {
        get
        {
            lock (_gate)
            {
                return _readers.Count;
            }
        }
    }

    /// <summary>Everything so far that is kept, each a line of JSON.</summary>
    public IReadOnlyList<string> SoFar()
    {
        lock (_gate)
        {
            return [.. ((IEnumerable<Kept>)[_starts, _progress, _epochs, _glances, _others, _log, _specification, _testLook, _filterLook])
                .SelectMany(kept => kept.Lines).OrderBy(line => line.Number).Select(line => line.Text)];
        }
    }

    /// <summary>Everything so far that is kept, and what comes; the second ends with the run, or when its reader is too slow.</summary>
    public (IReadOnlyList<string> SoFar, ChannelReader<string> Next) Read()
    {
        var next = Channel.CreateBounded<string>(new BoundedChannelOptions(MostUnread) { SingleReader = true, SingleWriter = true });
        lock (_gate)
        {
            if (_isOver)
            {
                next.Writer.Complete();
            }
            else
            {
                _readers.Add(next);
            }

            return (SoFar(), next.Reader);
        }
    }

    /// <summary>A reader has gone.</summary>
    public void Leave(ChannelReader<string> reader)
    {
        lock (_gate)
        {
            _readers.RemoveAll(channel => channel.Reader == reader);
        }
    }

    /// <summary>The run is over: readers get what is left.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            _readers.ForEach(reader => reader.Writer.Complete());
            _readers.Clear();
        }
    }

    private void Add(Kept kept, string line)
    {
        lock (_gate)
        {
            kept.Add(new Line(_count++, line));
            _readers.RemoveAll(reader => !reader.Writer.TryWrite(line) && reader.Writer.TryComplete());
        }
    }

    private readonly record struct Line(long Number, string Text);

    /// <summary>Lines of a kind, some of them.</summary>
    private abstract class Kept
    {
        public abstract IEnumerable<Line> Lines { get; }

        public abstract void Add(Line line);
    }

    /// <summary>The newest ones.</summary>
    private sealed class Newest(int most) : Kept
    {
        private readonly Queue<Line> _lines = new();

        public override IEnumerable<Line> Lines => _lines;

        public override void Add(Line line)
        {
            _lines.Enqueue(line);
            if (_lines.Count > most)
            {
                _lines.Dequeue();
            }
        }
    }

    /// <summary>The first, every so many-th after it, and the newest: each time that there are too many, every second is forgotten, and of those to come as well.</summary>
    private sealed class EvenlyThinned(int most) : Kept
    {
        private readonly List<Line> _lines = [];
        private long _count;
        private long _stride = 1;
        private Line? _newest;

        public override IEnumerable<Line> Lines => _newest is { } newest ? _lines.Append(newest) : _lines;

        public override void Add(Line line)
        {
            _newest = line;
            if (_count++ % _stride != 0)
            {
                return;
            }

            _newest = null;
            _lines.Add(line);
            if (_lines.Count > most)
            {
                var position = 0;
                _lines.RemoveAll(_ => position++ % 2 != 0);
                _stride *= 2;
            }
        }
    }
}
