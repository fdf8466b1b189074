using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Data;

/// <summary>Images of any shape without a meaning, for checks that need numbers only.</summary>
public static class NoiseImages
{
    /// <summary>A label is a byte.</summary>
    public const int MostClasses = 256;

    private const ulong Seed = 1;

    /// <summary>Uniform pixels and labels, the same every time.</summary>
    /// <param name="count">Images.</param>
    /// <param name="shape">(channels, height, width), or (size,).</param>
    /// <param name="classCount">From 1 to <see cref="MostClasses"/>.</param>
    public static LabeledImages Create(int count, Shape shape, int classCount)
    {
        var random = new RandomStream(Seed, RandomPurpose.GradientCheck, layer: RandomStream.LayerLimit - 1);
        var pixels = new byte[checked(count * shape.Size)];
        for (var i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)(random.Bits32(i) >> 24);
        }

        var labels = new byte[count];
        for (var i = 0; i < count; i++)
        {
            labels[i] = (byte)random.Below(pixels.Length + i, classCount);
        }

        var isImage = shape.Rank == 3;
        return new LabeledImages(
            pixels, labels, isImage ? shape[1] : 1, isImage ? shape[2] : shape.Size, isImage ? shape[0] : 1, classCount);
    }
}
