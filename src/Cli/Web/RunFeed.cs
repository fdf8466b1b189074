using System.Threading.Channels;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;

namespace DistTrain.Cli.Web;

/// <summary>
/// What a run tells, kept for whoever comes late, in bounded memory: of long runs every second step's progress is forgotten, again and again, and the oldest of all
/// else. A view among others: any number of readers get the same, from the beginning.
/// </summary>
public sealed class RunFeed : IRunView
{
    private const int MostProgress = 2000;
    private const int MostGlances = 240;
    private const int MostLogLines = 200;
    private const int MostOthers = 5000;

    /// <summary>A reader that is so far behind is let go: it comes again, and begins anew.</summary>
    private const int MostUnread = 1024;

    private readonly Lock _gate = new();
    private readonly List<Entry> _entries = [];
    private readonly List<Channel<string>> _readers = [];
    private readonly int[] _counts = new int[Enum.GetValues<Kind>().Length];
    private bool _isOver;

    private enum Kind
    {
        Progress,
        Glance,
        Log,
        Specification,
        TestLook,
        FilterLook,
        Other,
    }

    /// <inheritdoc/>
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public bool ShowsWorkers => true;

    /// <inheritdoc/>
    public void Show(RunEvent happened) => Add(
        happened switch
        {
            Progress => Kind.Progress,
            ClusterGlance => Kind.Glance,
            LogLine => Kind.Log,
            Specification => Kind.Specification,
            TestLook => Kind.TestLook,
            FilterLook => Kind.FilterLook,
            _ => Kind.Other,
        },
        happened.ToJson());

    /// <inheritdoc/>
    public void Warn(string line) => Show(new LogLine(line));

    /// <summary>Whether anybody reads on.</summary>
    public bool HasReaders
    {
        get
        {
            lock (_gate)
            {
                return _readers.Count > 0;
            }
        }
    }

    /// <summary>Everything so far that is kept, each a line of JSON.</summary>
    public IReadOnlyList<string> SoFar()
    {
        lock (_gate)
        {
            return [.. _entries.Select(entry => entry.Line)];
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

            return ([.. _entries.Select(entry => entry.Line)], next.Reader);
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

    private void Add(Kind kind, string line)
    {
        lock (_gate)
        {
            _entries.Add(new Entry(kind, line));
            _counts[(int)kind]++;
            Forget(kind);
            _readers.RemoveAll(reader => !reader.Writer.TryWrite(line) && reader.Writer.TryComplete());
        }
    }

    private void Forget(Kind kind)
    {
        var most = kind switch { Kind.Progress => MostProgress, Kind.Glance => MostGlances, Kind.Log => MostLogLines, Kind.Other => MostOthers, _ => 1 };
        if (_counts[(int)kind] <= most)
        {
            return;
        }

        if (kind == Kind.Progress)
        {
            var isSecond = true;
            _counts[(int)kind] -= _entries.RemoveAll(entry => entry.Kind == kind && (isSecond = !isSecond));
        }
        else
        {
            _entries.RemoveAt(_entries.FindIndex(entry => entry.Kind == kind));
            _counts[(int)kind]--;
        }
    }

    private readonly record struct Entry(Kind Kind, string Line);
}
