namespace DistTrain.Core.Data;

/// <summary>Images of one size with one class label each, as bytes. Immutable by convention: nobody writes to the arrays.</summary>
public sealed class LabeledImages
{
    /// <summary>Images over arrays that are kept, not copied.</summary>
    /// <param name="pixels">Shape (N, channels, height, width), row-major; 0 is background, 255 full intensity.</param>
    /// <param name="labels">Shape (N); each in [0, <paramref name="classCount"/>).</param>
    /// <param name="height">Rows of an image, at least 1.</param>
    /// <param name="width">Columns of an image, at least 1.</param>
    /// <param name="channels">Planes of an image, at least 1; 1 for grey.</param>
    /// <param name="classCount">Number of classes, from 1 to 256.</param>
    /// <exception cref="ArgumentException">Sizes or labels do not fit together.</exception>
    public LabeledImages(byte[] pixels, byte[] labels, int height, int width, int channels, int classCount)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(classCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classCount, 256);
        var expected = (Int128)labels.Length * channels * height * width;
        if (pixels.Length != expected)
        {
            throw new ArgumentException(
                $"{labels.Length} labels of {channels} x {height} x {width} images need {expected} pixels but got {pixels.Length}.",
                nameof(pixels));
        }
        var outside = classCount == 256 ? -1 : labels.AsSpan().IndexOfAnyInRange((byte)classCount, byte.MaxValue);
        if (outside >= 0)
            throw new ArgumentException($"Label {outside} is {labels[outside]}, not below the class count {classCount}.", nameof(labels));
        (Pixels, Labels) = (pixels, labels);
        (Height, Width, Channels, ClassCount) = (height, width, channels, classCount);
    }

    /// <summary>Shape (<see cref="Count"/>, <see cref="Channels"/>, <see cref="Height"/>, <see cref="Width"/>), row-major.</summary>
    public byte[] Pixels { get; }

    /// <summary>Shape (<see cref="Count"/>).</summary>
    public byte[] Labels { get; }

    /// <summary>Number of images, N.</summary>
    public int Count => Labels.Length;

    /// <summary>Rows of an image.</summary>
    public int Height { get; }

    /// <summary>Columns of an image.</summary>
    public int Width { get; }

    /// <summary>Planes of an image; 1 for grey.</summary>
    public int Channels { get; }

    /// <summary>Labels are below this.</summary>
    public int ClassCount { get; }

    /// <summary>Pixels per image: channels · height · width.</summary>
    public int ImageSize => Channels * Height * Width;

    /// <summary>Copies of some of the images, in the order of their numbers.</summary>
    /// <param name="indices">Each in [0, <see cref="Count"/>).</param>
    public LabeledImages Select(ReadOnlySpan<int> indices)
    {
        var pixels = new byte[checked(indices.Length * ImageSize)];
        var labels = new byte[indices.Length];
        for (var i = 0; i < indices.Length; i++)
        {
            Image(indices[i]).CopyTo(pixels.AsSpan(i * ImageSize));
            labels[i] = Labels[indices[i]];
        }
        return new LabeledImages(pixels, labels, Height, Width, Channels, ClassCount);
    }

    /// <summary>The pixels of one image, shape (channels, height, width).</summary>
    public ReadOnlySpan<byte> Image(int index) => Pixels.AsSpan(checked(index * ImageSize), ImageSize);
}
