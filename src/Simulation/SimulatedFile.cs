namespace DistTrain.Simulation;

/// <summary>A file: what programs see of it, and what would be left of it after a power cut.</summary>
internal sealed class SimulatedFile
{
    private readonly List<(int Start, int End)> _dirty = [];
    private byte[] _durable = [];

    /// <summary>What programs see.</summary>
    public byte[] Content { get; private set; } = [];

    /// <summary>Writes somewhere in it; a gap before is zeros.</summary>
    public void Write(int position, ReadOnlySpan<byte> data)
    {
        if (position + data.Length > Content.Length)
        {
            SetLength(position + data.Length);
        }

        data.CopyTo(Content.AsSpan(position));
        _dirty.Add((position, position + data.Length));
    }

    /// <summary>Cuts it off, or lengthens it by zeros.</summary>
    public void SetLength(int length)
    {
        var content = Content;
        Array.Resize(ref content, length);
        _dirty.Add((Math.Min(length, Content.Length), length));
        Content = content;
    }

    /// <summary>Makes durable what was written since the last time; a failure makes it clean, but not durable.</summary>
    public void Flush(bool succeeds)
    {
        if (succeeds)
        {
            Array.Resize(ref _durable, Content.Length);
            foreach (var (start, end) in _dirty)
            {
                var last = Math.Min(end, Content.Length);
                if (start < last)
                {
                    Content.AsSpan(start..last).CopyTo(_durable.AsSpan(start));
                }
            }
        }

        _dirty.Clear();
    }

    /// <summary>Only what is durable is left, and by chance some of the rest.</summary>
    public void LosePower(Dice dice)
    {
        var left = _dirty.Count == 0 || dice.Chance(0.5) ? _durable : Torn(dice);
        Content = [.. left];
        _durable = [.. left];
        _dirty.Clear();
    }

    /// <summary>Something changes its bytes for good.</summary>
    public void Damage(byte[] content)
    {
        Content = content;
        _durable = [.. content];
        _dirty.Clear();
    }

    private byte[] Torn(Dice dice)
    {
        var torn = dice.Below(Content.Length + 1);
        var left = new byte[Math.Max(torn, Math.Min(_durable.Length, Content.Length))];
        _durable.AsSpan(0, Math.Min(_durable.Length, left.Length)).CopyTo(left);
        Content.AsSpan(0, torn).CopyTo(left);
        return left;
    }
}
