using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace DistTrain.Core.Formats;

/// <summary>The proof of equal bits.</summary>
public static class ParametersHash
{
    /// <summary>
    /// SHA-256, lower-case hex, over all parameters in the model's order, PyTorch layout, little-endian binary32, no names, no padding.
    /// </summary>
    public static string Sha256(ReadOnlySpan<float> parameters)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException("DistTrain needs a little-endian processor.");
        }

        return Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(parameters)));
    }
}
