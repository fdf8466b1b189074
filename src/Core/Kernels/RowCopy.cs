using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Core.Kernels;

/// <summary>Copies of short rows, exactly as long as asked: a call to the runtime's copy costs more than such a row.</summary>
internal static unsafe class RowCopy
{
    /// <summary>
    /// <c>destination[y · destinationPitch + i] = source[y · sourcePitch + i]</c> for y below <paramref name="rows"/> and i below
    /// <paramref name="count"/>; the two do not overlap.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CopyRows(float* source, nint sourcePitch, float* destination, nint destinationPitch, int rows, int count)
    {
        // The rest of a row with what precedes it once more: cheaper than element by element.
        var last = (nint)count - Vector256<float>.Count;
        switch (count)
        {
            case >= 8 and <= 16:
                for (; rows > 0; rows--, source += sourcePitch, destination += destinationPitch)
                {
                    var head = Vector256.Load(source);
                    var tail = Vector256.Load(source + last);
                    head.Store(destination);
                    tail.Store(destination + last);
                }

                break;
            case > 16 and <= 32:
                var middle = Math.Min(16, last);
                for (; rows > 0; rows--, source += sourcePitch, destination += destinationPitch)
                {
                    var (v0, v1) = (Vector256.Load(source), Vector256.Load(source + 8));
                    var (v2, v3) = (Vector256.Load(source + middle), Vector256.Load(source + last));
                    v0.Store(destination);
                    v1.Store(destination + 8);
                    v2.Store(destination + middle);
                    v3.Store(destination + last);
                }

                break;
            default:
                for (; rows > 0; rows--, source += sourcePitch, destination += destinationPitch)
                {
                    Copy(source, destination, count);
                }

                break;
        }
    }

    /// <summary><c>destination[i] = source[i]</c> for i below <paramref name="count"/>; the two do not overlap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(float* source, float* destination, int count)
    {
        if (count >= Vector256<float>.Count)
        {
            var i = 0;
            for (; i <= count - Vector256<float>.Count; i += Vector256<float>.Count)
            {
                Vector256.Load(source + i).Store(destination + i);
            }

            Vector256.Load(source + count - Vector256<float>.Count).Store(destination + count - Vector256<float>.Count);
        }
        else if (count >= Vector128<float>.Count)
        {
            var head = Vector128.Load(source);
            var tail = Vector128.Load(source + count - Vector128<float>.Count);
            head.Store(destination);
            tail.Store(destination + count - Vector128<float>.Count);
        }
        else
        {
            for (var i = 0; i < count; i++)
            {
                destination[i] = source[i];
            }
        }
    }

    /// <summary><c>destination[i · step] = source[i]</c> for i below <paramref name="count"/>; the two do not overlap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(float* source, float* destination, int count, int step)
    {
        if (step == 1)
        {
            Copy(source, destination, count);
            return;
        }

        for (var i = 0; i < count; i++)
        {
            destination[(nint)i * step] = source[i];
        }
    }
}
