using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistTrain.Core.Kernels;

/// <summary>Copies of short rows, exactly as long as asked: a call to the runtime's copy costs more than such a row.</summary>
internal static unsafe class RowCopy
{
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

            // The rest with what precedes it once more: cheaper than element by element.
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
