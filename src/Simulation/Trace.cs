using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Text;

namespace DistTrain.Simulation;

/// <summary>What has happened, as lines: the last ones for people, and a hash of all of them for the proof that a seed replays.</summary>
internal sealed class Trace(VirtualTime time)
{
    private const int Kept = 40;

    private readonly Queue<string> _last = new();
    private readonly XxHash128 _hash = new();

    /// <summary>The last lines.</summary>
    public IReadOnlyList<string> Last => [.. _last];

    /// <summary>Of all lines.</summary>
    public UInt128 Hash => _hash.GetCurrentHashAsUInt128();

    /// <summary>Told of each line; for whoever wants all of them.</summary>
    public Action<string>? Listener { get; init; }

    /// <summary>Adds a line.</summary>
    public void Add(DefaultInterpolatedStringHandler what)
    {
        var line = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{time.Now.TotalSeconds,9:0.0000} {what.ToStringAndClear()}");
        _hash.Append(Encoding.UTF8.GetBytes(line));
        _last.Enqueue(line);
        if (_last.Count > Kept)
        {
            _last.Dequeue();
        }

        Listener?.Invoke(line);
    }
}
