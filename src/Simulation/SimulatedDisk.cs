namespace DistTrain.Simulation;

/// <summary>The storage that all coordinators of a run see, and what goes wrong with it.</summary>
internal sealed class SimulatedDisk(Dice dice)
{
    private readonly Dictionary<string, ProcessDisk> _locks = new(StringComparer.Ordinal);

    /// <summary>The root.</summary>
    public SimulatedDirectory Root { get; } = new();

    /// <summary>Whether nothing more can be written.</summary>
    public bool IsFull { get; set; }

    /// <summary>How many of the next flushes fail.</summary>
    public int FlushesToFail { get; set; }

    /// <summary>How long a save takes.</summary>
    public TimeSpan SaveTime { get; set; } = TimeSpan.FromMilliseconds(20);

    /// <summary>What is there; null if nothing is.</summary>
    public object? Find(string path)
    {
        object? found = Root;
        foreach (var name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            found = found is SimulatedDirectory directory ? directory.Entries.GetValueOrDefault(name) : null;
        }

        return found;
    }

    /// <summary>The directory that holds a name.</summary>
    /// <exception cref="DirectoryNotFoundException">There is none.</exception>
    public SimulatedDirectory Parent(string path) =>
        Find(Path.GetDirectoryName(path)!) as SimulatedDirectory ?? throw new DirectoryNotFoundException($"There is no directory for {path}.");

    /// <summary>Whether the next flush succeeds.</summary>
    public bool NextFlushSucceeds()
    {
        if (FlushesToFail == 0)
        {
            return true;
        }

        FlushesToFail--;
        return false;
    }

    /// <summary>Locks for one process of a host; hosts do not see each other's locks.</summary>
    public bool TryLock(string host, string path, ProcessDisk process) => _locks.TryAdd($"{host}:{path}", process);

    /// <summary>A process has ended, or gives its locks back.</summary>
    public void Unlock(ProcessDisk process)
    {
        foreach (var (key, holder) in _locks.ToArray())
        {
            if (holder == process)
            {
                _locks.Remove(key);
            }
        }
    }

    /// <summary>All of it loses power.</summary>
    public void LosePower() => Root.LosePower(dice);
}
