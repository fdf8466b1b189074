using System.Runtime.Intrinsics;

namespace DistTrain.Worker;

/// <summary>The widest vectors that this process uses, for the hello; no bit depends on it.</summary>
internal static class VectorWidth
{
    /// <summary>512, 256 or 128; 0 without hardware vectors.</summary>
    public static int Bits { get; } = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;
}
