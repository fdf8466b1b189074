using System.Diagnostics;
using System.Runtime.CompilerServices;
using DistTrain.Core.Kernels;

namespace DistTrain.Bench.Kernels;

/// <summary>What one core of this machine can do at most; measured, never looked up.</summary>
internal abstract record Limit
{
    public abstract string Unit { get; }

    /// <summary>Returns a measurement of some milliseconds at most: units of 10⁹ a second.</summary>
    public abstract Func<double> Prepare(int vectorBits, Workbench bench);
}

/// <summary>Fused multiply-adds without memory.</summary>
internal sealed record FmaLimit : Limit
{
    /// <inheritdoc/>
    public override string Unit => "GFLOP/s";

    /// <inheritdoc/>
    public override Func<double> Prepare(int vectorBits, Workbench bench) => vectorBits switch
    {
        512 => () => FmaPeak.Measure<Lanes512>(0.25f),
        256 => () => FmaPeak.Measure<Lanes256>(0.25f),
        _ => () => FmaPeak.Measure<Lanes128>(0.25f),
    };
}

/// <summary>How many arrays a kernel reads, changes in place, and writes without reading.</summary>
internal enum StreamMix
{
    /// <summary>One is read.</summary>
    Read,

    /// <summary>One is read, another written.</summary>
    Copy,

    /// <summary>One is read, another changed.</summary>
    ReadAndChangeOne,

    /// <summary>One is read, two are changed.</summary>
    ReadAndChangeTwo,

    /// <summary>One is read, three are changed.</summary>
    ReadAndChangeThree,
}

/// <summary>
/// Memory traffic without arithmetic to speak of: plain vector loads and stores over arrays of the kernel's own total size, in the kernel's own
/// mix, because a cache or memory reads, writes and does both at different rates.
/// </summary>
internal sealed record StreamLimit(StreamMix Mix, long FootprintBytes) : Limit
{
    /// <summary>Bytes moved by one measurement, so that small footprints are timed for long enough.</summary>
    private const long BytesPerMeasurement = 64 << 20;

    /// <summary>Elements between two arrays: an odd number of cache lines.</summary>
    private const int ArrayGap = 16 * 17;

    /// <inheritdoc/>
    public override string Unit => "GB/s";

    /// <inheritdoc/>
    public override Func<double> Prepare(int vectorBits, Workbench bench) => vectorBits switch
    {
        512 => Prepare<Lanes512>(bench),
        256 => Prepare<Lanes256>(bench),
        _ => Prepare<Lanes128>(bench),
    };

    private unsafe Func<double> Prepare<TLanes>(Workbench bench)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var (arrays, transfers) = Mix switch
        {
            StreamMix.Read => (1, 1),
            StreamMix.Copy => (2, 2),
            StreamMix.ReadAndChangeOne => (2, 3),
            StreamMix.ReadAndChangeTwo => (3, 5),
            _ => (4, 7),
        };
        const int Unroll = 4;
        var count = (nint)(FootprintBytes / sizeof(float) / arrays) / (Unroll * TLanes.Count) * (Unroll * TLanes.Count);
        // Not a multiple of 4 KiB apart, at which a load would wait for a store to another array that it takes for its own.
        var distance = count + ArrayGap;
        var memory = bench.Filled(checked((int)(arrays * distance)));

        var bytes = (double)transfers * count * sizeof(float);
        var repeat = Math.Max(1, (int)(BytesPerMeasurement / bytes));
        return () =>
        {
            float* a = memory.Pointer, b = a + distance, c = b + distance, d = c + distance;
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < repeat; i++)
            {
                switch (Mix)
                {
                    case StreamMix.Read:
                        Streams.Read<TLanes>(a, count);
                        break;
                    case StreamMix.Copy:
                        Streams.Copy<TLanes>(a, b, count);
                        break;
                    case StreamMix.ReadAndChangeOne:
                        Streams.ChangeOne<TLanes>(a, b, count);
                        break;
                    case StreamMix.ReadAndChangeTwo:
                        Streams.ChangeTwo<TLanes>(a, b, c, count);
                        break;
                    default:
                        Streams.ChangeThree<TLanes>(a, b, c, d, count);
                        break;
                }
            }

            return bytes * repeat / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
        };
    }
}

/// <summary>The loops of <see cref="StreamLimit"/>. They only load, add and store; counts are multiples of four vectors.</summary>
internal static unsafe class Streams
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Read<TLanes>(float* a, nint count)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var (s0, s1, s2, s3) = (TLanes.Zero, TLanes.Zero, TLanes.Zero, TLanes.Zero);
        for (nint i = 0; i < count; i += 4 * TLanes.Count)
        {
            s0 += TLanes.Load(a + i);
            s1 += TLanes.Load(a + i + TLanes.Count);
            s2 += TLanes.Load(a + i + (2 * TLanes.Count));
            s3 += TLanes.Load(a + i + (3 * TLanes.Count));
        }

        Keep(s0 + s1 + s2 + s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy<TLanes>(float* a, float* b, nint count)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        for (nint i = 0; i < count; i += 2 * TLanes.Count)
        {
            TLanes.Store(TLanes.Load(a + i), b + i);
            TLanes.Store(TLanes.Load(a + i + TLanes.Count), b + i + TLanes.Count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ChangeOne<TLanes>(float* a, float* b, nint count)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        for (nint i = 0; i < count; i += 2 * TLanes.Count)
        {
            var j = i + TLanes.Count;
            TLanes.Store(TLanes.Load(b + i) + TLanes.Load(a + i), b + i);
            TLanes.Store(TLanes.Load(b + j) + TLanes.Load(a + j), b + j);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ChangeTwo<TLanes>(float* a, float* b, float* c, nint count)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        for (nint i = 0; i < count; i += TLanes.Count)
        {
            var x = TLanes.Load(a + i);
            TLanes.Store(TLanes.Load(b + i) + x, b + i);
            TLanes.Store(TLanes.Load(c + i) + x, c + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ChangeThree<TLanes>(float* a, float* b, float* c, float* d, nint count)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        for (nint i = 0; i < count; i += TLanes.Count)
        {
            var x = TLanes.Load(a + i);
            TLanes.Store(TLanes.Load(b + i) + x, b + i);
            TLanes.Store(TLanes.Load(c + i) + x, c + i);
            TLanes.Store(TLanes.Load(d + i) + x, d + i);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Keep<TLanes>(TLanes value) => GC.KeepAlive(value);
}
