namespace DistTrain.Transport.SharedMemory;

/// <summary>Sizes of what lies in shared memory.</summary>
internal static class SharedLayout
{
    /// <summary>A page.</summary>
    public const int PageBytes = 4096;

    /// <summary>A line of the cache: what two processes write to lies in lines of its own.</summary>
    public const int LineBytes = 64;

    /// <summary>Whole pages for a tensor and the vector that a kernel may read behind its end.</summary>
    public static long TensorBytes(int elements) => (((long)elements * sizeof(float)) + LineBytes + PageBytes - 1) / PageBytes * PageBytes;
}
