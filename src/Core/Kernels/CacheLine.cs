namespace DistTrain.Core.Kernels;

/// <summary>The unit that caches move. A vector that straddles two of them costs twice.</summary>
internal static unsafe class CacheLine
{
    /// <summary>Bytes of one; where they are twice as long, this alignment still lets no vector straddle two.</summary>
    public const int Bytes = 64;

    /// <summary>Floats of memory on the stack, beyond those wanted, that leave room to align the rest.</summary>
    public const int Slack = Bytes / sizeof(float);

    /// <summary>The first address from <paramref name="pointer"/> on that begins a line.</summary>
    public static float* Align(float* pointer) => (float*)(((nuint)pointer + (Bytes - 1)) & ~(nuint)(Bytes - 1));
}
