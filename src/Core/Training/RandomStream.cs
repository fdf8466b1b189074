using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace DistTrain.Core.Training;

/// <summary>
/// The random values of one use: a pure function of (seed, purpose, layer, step or epoch, position) and then of the element's index.
/// It has no state: asking for an element twice gives the same value, and the order of asking does not matter.
/// </summary>
/// <remarks>
/// Layout over <see cref="Philox"/>, part of the same-bits promise:
/// <code>
/// key     = seed bits 0..31, seed bits 32..63
/// counter = word 0: block of elements (four 32-bit or two 64-bit elements each)
///           word 1: position
///           word 2: step or epoch, bits 0..31
///           word 3: purpose (bits 24..31), step or epoch bits 32..39 (bits 16..23), layer (bits 0..15)
/// </code>
/// Hence layers below 2¹⁶, steps below 2⁴⁰, positions below 2³², 32-bit elements below 2³⁴.
/// 32-bit and 64-bit values of one stream overlap: use one kind per stream.
/// </remarks>
[SuppressMessage("Naming", "CA1711", Justification = "A stream of random numbers is the field's term; nobody takes it for I/O.")]
public readonly struct RandomStream
{
    /// <summary>Layers are numbered below this.</summary>
    public const int LayerLimit = 1 << 16;

    /// <summary>Steps and epochs are numbered below this.</summary>
    public const long StepLimit = 1L << 40;

    /// <summary>Positions are numbered below this.</summary>
    public const long PositionLimit = 1L << 32;

    private readonly uint _key0, _key1, _counter1, _counter2, _counter3;

    /// <summary>The stream with this key.</summary>
    /// <param name="seed">The run's seed; all 64 bits count.</param>
    /// <param name="purpose">What the values are for.</param>
    /// <param name="layer">Layer index, 0 where none applies; below <see cref="LayerLimit"/>.</param>
    /// <param name="stepOrEpoch">Step or epoch, whichever the purpose is drawn per; below <see cref="StepLimit"/>.</param>
    /// <param name="position">Sample position, 0 where none applies; below <see cref="PositionLimit"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A part does not fit its place in the counter.</exception>
    public RandomStream(ulong seed, RandomPurpose purpose, int layer = 0, long stepOrEpoch = 0, long position = 0)
    {
        if (purpose is <= RandomPurpose.None or > (RandomPurpose)byte.MaxValue)
            throw new ArgumentOutOfRangeException(nameof(purpose), purpose, "A purpose is a number from 1 to 255.");
        ThrowIfOutside(layer, LayerLimit, nameof(layer));
        ThrowIfOutside(stepOrEpoch, StepLimit, nameof(stepOrEpoch));
        ThrowIfOutside(position, PositionLimit, nameof(position));
        _key0 = (uint)seed;
        _key1 = (uint)(seed >> 32);
        _counter1 = (uint)position;
        _counter2 = (uint)stepOrEpoch;
        _counter3 = ((uint)purpose << 24) | ((uint)(stepOrEpoch >> 32) << 16) | (uint)layer;
    }

    /// <summary>Four random words: the 32-bit elements 4·<paramref name="index"/> to 4·<paramref name="index"/> + 3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (uint Word0, uint Word1, uint Word2, uint Word3) Block(uint index) =>
        Philox.Block(index, _counter1, _counter2, _counter3, _key0, _key1);

    /// <summary>32 random bits: word <c>element mod 4</c> of block <c>element / 4</c>.</summary>
    /// <exception cref="OverflowException"><paramref name="element"/> is outside [0, 2³⁴).</exception>
    public uint Bits32(long element)
    {
        var block = Block(checked((uint)(element >> 2)));
        return (element & 3) switch { 0 => block.Word0, 1 => block.Word1, 2 => block.Word2, _ => block.Word3 };
    }

    /// <summary>64 random bits: words 0 and 1 (low, high) of block <c>element / 2</c> for an even element, else 2 and 3.</summary>
    /// <exception cref="OverflowException"><paramref name="element"/> is outside [0, 2³³).</exception>
    public ulong Bits64(long element)
    {
        var block = Block(checked((uint)(element >> 1)));
        return (element & 1) == 0 ? Join(block.Word0, block.Word1) : Join(block.Word2, block.Word3);
    }

    /// <summary>Uniform in (0, 1], from <see cref="Bits32"/> of the element: see <see cref="ToUnit"/>.</summary>
    public float Unit(long element) => ToUnit(Bits32(element));

    /// <summary>Uniform in 0 to <paramref name="bound"/> − 1, from the element's <see cref="Bits64"/>: see <see cref="ToBelow"/>.</summary>
    public int Below(long element, int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        return ToBelow(Bits64(element), bound);
    }

    /// <summary>
    /// <c>((bits >> 8) + 1) · 2⁻²⁴</c>: one of the 2²⁴ equally spaced floats of (0, 1], exactly. Zero is left out so that its logarithm
    /// exists; "with probability p" is <c>ToUnit(bits) &lt;= p</c>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToUnit(uint bits) => ((bits >> 8) + 1) * (1f / (1 << 24));

    /// <summary>
    /// <c>floor(bits · bound / 2⁶⁴)</c>. A value's probability differs from 1 / bound by less than 2⁻⁶⁴, relatively by less than
    /// bound · 2⁻⁶⁴ &lt; 2⁻³³: no experiment of fewer than 2⁶⁶ draws can see it, so there is no rejection loop and the number of draws is
    /// fixed.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ToBelow(ulong bits, int bound) => (int)Math.BigMul(bits, (ulong)bound, out _);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Join(uint low, uint high) => low | ((ulong)high << 32);

    private static void ThrowIfOutside(long value, long limit, string name)
    {
        if ((ulong)value >= (ulong)limit)
            throw new ArgumentOutOfRangeException(name, value, $"Random values are keyed by a {name} from 0 to {limit - 1}.");
    }
}
