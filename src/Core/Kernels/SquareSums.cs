namespace DistTrain.Core.Kernels;

/// <summary>The sum of squares of one block, at any width: see <see cref="Kernels{T}.SumOfSquares"/>.</summary>
internal static unsafe class SquareSums
{
    private const int LaneCount = 16;

    /// <summary>Lane j of 16 takes elements j, j + 16, … in double; the lanes are folded +8, +4, +2, +1.</summary>
    public static double OfBlock<TLanes>(float* values, int count)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var lanes = stackalloc double[LaneCount];
        new Span<double>(lanes, LaneCount).Clear();
        var n = 0;
        for (; n <= count - LaneCount; n += LaneCount)
        {
            for (var v = 0; v < LaneCount; v += TLanes.Count)
            {
                TLanes.AddSquares(TLanes.Load(values + n + v), lanes + v);
            }
        }

        for (var j = 0; n + j < count; j++)
        {
            ScalarLanes<float>.AddSquares(new ScalarLanes<float>(values[n + j]), lanes + j);
        }

        for (var half = LaneCount / 2; half > 0; half /= 2)
        {
            for (var j = 0; j < half; j++)
            {
                lanes[j] += lanes[j + half];
            }
        }

        return lanes[0];
    }
}
