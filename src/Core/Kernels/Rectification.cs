using DistTrain.Core.Tensors;

namespace DistTrain.Core.Kernels;

/// <summary>The rectifier's derivative beside the kernel that makes what it is applied to, while that is in the cache.</summary>
internal static unsafe class Rectification
{
    /// <summary><c>gradient[i] = rectified[i] &lt;= 0 ? 0 : gradient[i]</c>, padding of the rows included.</summary>
    /// <param name="gradient">(rows, columns)</param>
    /// <param name="rectified">The same shape and stride.</param>
    public static void Backward<TLanes>(Matrix<float> gradient, Matrix<float> rectified)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        for (nint i = 0; i < (nint)gradient.Rows * gradient.Stride; i += TLanes.Count)
        {
            var kept = TLanes.SelectLessOrEqual(TLanes.Load(rectified.Data + i), TLanes.Zero, TLanes.Zero, TLanes.Load(gradient.Data + i));
            TLanes.Store(kept, gradient.Data + i);
        }
    }
}
