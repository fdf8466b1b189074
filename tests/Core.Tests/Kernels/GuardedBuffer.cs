using System.Runtime.InteropServices;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Tests.Kernels;

/// <summary>
/// Memory for a kernel to read or write, between guards of known values. A write outside shows in <see cref="AssertUntouchedOutside"/>; a read
/// outside that reaches a result shows in the result. The values are NaN and negative numbers in turn: whatever reads a NaN gives NaN, but in
/// place a NaN hides that it was computed with, and a number does not.
/// </summary>
internal sealed unsafe class GuardedBuffer : IDisposable
{
    // Front and back are whole cache lines, so that "offset 0" is as aligned as the kernels' own memory.
    private const int GuardElements = 64;
    private readonly AlignedBuffer<float> _buffer;
    private readonly int _start;
    private readonly int _length;

    /// <summary>Room for <paramref name="length"/> elements, <paramref name="offset"/> elements past a cache line, all canaries at first.</summary>
    public GuardedBuffer(int length, int offset = 0)
    {
        _start = GuardElements + offset;
        _length = length;
        _buffer = new AlignedBuffer<float>(_start + length + GuardElements);
        for (var i = 0; i < Bits.Length; i++)
        {
            Bits[i] = Canary(i);
        }
    }

    public float* Pointer => _buffer.Pointer + _start;

    public Span<float> Values => _buffer.Span.Slice(_start, _length);

    private Span<int> Bits => MemoryMarshal.Cast<float, int>(_buffer.Span);

    /// <summary>Guarded memory with these values in it.</summary>
    public static GuardedBuffer Of(ReadOnlySpan<float> values, int offset = 0)
    {
        var buffer = new GuardedBuffer(values.Length, offset);
        values.CopyTo(buffer.Values);
        return buffer;
    }

    /// <summary>A matrix over the memory, laid out as activations are, with these values and canaries as padding.</summary>
    public static GuardedBuffer OfRows(float[] values, int rows, int columns, out Matrix<float> matrix)
    {
        var stride = RowLayout.StrideFor(columns);
        var buffer = new GuardedBuffer(rows * stride);
        matrix = new Matrix<float>(buffer.Pointer, rows, columns, stride);
        for (var row = 0; row < rows && values.Length > 0; row++)
        {
            values.AsSpan(row * columns, columns).CopyTo(matrix.Row(row));
        }

        return buffer;
    }

    public void AssertUntouchedOutside()
    {
        for (var i = 0; i < Bits.Length; i++)
        {
            if ((i < _start || i >= _start + _length) && Bits[i] != Canary(i))
            {
                Assert.Fail($"The kernel wrote outside of its output of {_length} elements, at {i - _start}.");
            }
        }
    }

    public void Dispose() => _buffer.Dispose();

    private static int Canary(int i) => i % 2 == 0 ? unchecked((int)0xFFC0_BEEF) : BitConverter.SingleToInt32Bits(-1000.7f - i);
}

/// <summary>Values and comparisons for kernel tests.</summary>
internal static class Floats
{
    /// <summary>Seeded values of very different sizes, so that every change of order rounds differently; some zeros of both signs, some subnormal.</summary>
    public static float[] Random(int seed, int count)
    {
        var random = new Random(seed);
        var values = new float[count];
        foreach (ref var value in values.AsSpan())
        {
            value = random.Next(20) switch
            {
                0 => 0f,
                1 => -0f,
                2 => BitConverter.Int32BitsToSingle(random.Next(1 << 23)),
                _ => (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-12, 12))),
            };
        }

        return values;
    }

    /// <summary>As <see cref="Random"/>, with infinities, NaN and the largest numbers among them.</summary>
    public static float[] Wild(int seed, int count)
    {
        var random = new Random(seed);
        var values = Random(seed, count);
        foreach (ref var value in values.AsSpan())
        {
            value = random.Next(12) switch
            {
                0 => float.NaN,
                1 => float.PositiveInfinity,
                2 => float.NegativeInfinity,
                3 => float.MaxValue,
                4 => -float.MaxValue,
                5 => float.Epsilon,
                6 => random.Next(-200, 200),
                _ => value,
            };
        }

        return values;
    }

    /// <summary>Equal bit by bit; of a NaN only that it is one.</summary>
    public static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(actual[i])
                && !(float.IsNaN(expected[i]) && float.IsNaN(actual[i])))
            {
                Assert.Fail($"{what}: element {i} is {actual[i]:R}, expected {expected[i]:R}.");
            }
        }
    }

    /// <summary>Row by row, without the padding.</summary>
    public static void AssertSameBits(Matrix<float> expected, Matrix<float> actual, string what)
    {
        for (var row = 0; row < expected.Rows; row++)
        {
            AssertSameBits(expected.Row(row), actual.Row(row), $"{what}, row {row}");
        }
    }
}
