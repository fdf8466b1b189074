using System.Reflection;
using System.Runtime.InteropServices;

namespace DistTrain.Fuzz;

/// <summary>Which ways inputs take through assemblies that SharpFuzz has instrumented; without them, all inputs take the same.</summary>
internal static unsafe class Coverage
{
    // What SharpFuzz counts into, as afl-fuzz does: a byte for each pair of blocks.
    private const int MapBytes = 1 << 16;

    private static readonly byte* Map = (byte*)NativeMemory.AllocZeroed(MapBytes);
    private static readonly byte[] Seen = new byte[MapBytes];

    /// <summary>Before anything that may be instrumented runs.</summary>
    /// <remarks>By reflection: SharpFuzz takes an assembly that refers to its counters for one that it has instrumented, and this one holds a target.</remarks>
    public static void Begin() => Assembly.Load("SharpFuzz.Common").GetType("SharpFuzz.Common.Trace", throwOnError: true)!
        .GetField("SharedMem")!.SetValue(null, Pointer.Box(Map, typeof(byte*)));

    /// <summary>Before the first input of a target: what others reached is no news, and no proof that it is instrumented.</summary>
    public static void Forget() => Array.Clear(Seen);

    /// <summary>Forgets the last input's way.</summary>
    public static void Clear() => new Span<byte>(Map, MapBytes).Clear();

    /// <summary>Whether the last input took a way, or took one so often, as none before it.</summary>
    public static bool IsNew()
    {
        var isNew = false;
        var map = new ReadOnlySpan<byte>(Map, MapBytes);
        for (var i = map.IndexOfAnyExcept((byte)0); i >= 0;)
        {
            // Counts matter by their size only, or every loop would be news.
            var bucket = (byte)(1 << int.Min(7, int.Log2(map[i])));
            isNew |= (Seen[i] & bucket) == 0;
            Seen[i] |= bucket;
            var next = map[(i + 1)..].IndexOfAnyExcept((byte)0);
            i = next < 0 ? -1 : i + 1 + next;
        }

        return isNew;
    }

    /// <summary>How many pairs of blocks the target has reached; 0 if nothing of it is instrumented.</summary>
    public static int Count => Seen.Count(value => value != 0);
}
