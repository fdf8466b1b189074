namespace DistTrain.Simulation;

/// <summary>A directory: names as programs see them, and what of it is durable. Changes reach the disk in their order.</summary>
internal sealed class SimulatedDirectory
{
    private readonly List<(string Name, object? Node)> _changes = [];
    private readonly Dictionary<string, object> _durable = new(StringComparer.Ordinal);

    /// <summary>Files and directories by name, ascending.</summary>
    public SortedDictionary<string, object> Entries { get; } = new(StringComparer.Ordinal);

    /// <summary>Gives something a name, or with null takes the name away.</summary>
    public void Set(string name, object? node)
    {
        Apply(Entries, name, node);
        _changes.Add((name, node));
    }

    /// <summary>Makes the names durable.</summary>
    public void Flush() => Persist(_changes.Count);

    /// <summary>Only what is durable is left, and by chance some of the first changes after it.</summary>
    public void LosePower(Dice dice)
    {
        Persist(dice.Below(_changes.Count + 1));
        _changes.Clear();
        Entries.Clear();
        foreach (var (name, node) in _durable)
        {
            Entries.Add(name, node);
        }

        foreach (var node in Entries.Values)
        {
            switch (node)
            {
                case SimulatedFile file:
                    file.LosePower(dice);
                    break;
                case SimulatedDirectory directory:
                    directory.LosePower(dice);
                    break;
            }
        }
    }

    private static void Apply(IDictionary<string, object> names, string name, object? node)
    {
        if (node is null)
        {
            names.Remove(name);
        }
        else
        {
            names[name] = node;
        }
    }

    private void Persist(int count)
    {
        foreach (var (name, node) in _changes.Take(count))
        {
            Apply(_durable, name, node);
        }

        _changes.RemoveRange(0, count);
    }
}
