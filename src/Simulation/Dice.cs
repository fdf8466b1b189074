namespace DistTrain.Simulation;

/// <summary>Every chance in a simulated world: SplitMix64 (Steele, Lea and Flood 2014), the same for the same seed on every platform.</summary>
/// <param name="seed">Any number.</param>
internal sealed class Dice(ulong seed)
{
    private ulong _state = seed;

    /// <summary>64 random bits.</summary>
    public ulong Bits()
    {
        _state += 0x9E3779B97F4A7C15;
        var mixed = (_state ^ (_state >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }

    /// <summary>A number in [0, <paramref name="count"/>).</summary>
    public int Below(int count) => (int)(((UInt128)Bits() * (ulong)count) >> 64);

    /// <summary>A number in [<paramref name="least"/>, <paramref name="most"/>].</summary>
    public int Between(int least, int most) => least + Below(most - least + 1);

    /// <summary>A number in [0, 1).</summary>
    public double Unit() => (Bits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Whether something of this probability happens.</summary>
    public bool Chance(double probability) => Unit() < probability;

    /// <summary>A duration in [<paramref name="least"/>, <paramref name="most"/>).</summary>
    public TimeSpan Between(TimeSpan least, TimeSpan most) => least + ((most - least) * Unit());

    /// <summary>A duration between so many milliseconds.</summary>
    public TimeSpan Milliseconds(int least, int most) => Between(TimeSpan.FromMilliseconds(least), TimeSpan.FromMilliseconds(most));

    /// <summary>One of them.</summary>
    public T Pick<T>(IReadOnlyList<T> list) => list[Below(list.Count)];
}
