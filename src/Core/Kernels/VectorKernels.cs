namespace DistTrain.Core.Kernels;

/// <summary>The choice of vector width, in one place.</summary>
public static class VectorKernels
{
    /// <summary>The widest that this machine runs in hardware.</summary>
    public static Kernels<float> Best { get; } = new ReferenceKernels<float>();
}
