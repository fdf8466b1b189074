using System.Runtime.InteropServices;

namespace DistTrain.Core.Data;

/// <summary>
/// Samples of one size with one class label each: images as bytes, or numbers as binary32. Immutable by convention: nobody writes to the arrays.
/// </summary>
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
        : this(pixels, ElementKind.Byte, labels, height, width, channels, classCount)
    {
    }

    /// <summary>Samples of either kind, over arrays that are kept, not copied.</summary>
    /// <param name="elements">
    /// Shape (N, channels, height, width), row-major; of <see cref="ElementKind.Binary32"/> four bytes each, little-endian: see
    /// <see cref="FromValues"/>.
    /// </param>
    /// <param name="elementKind">What an element is.</param>
    /// <param name="labels">Shape (N); each in [0, <paramref name="classCount"/>).</param>
    /// <param name="height">Rows of a sample, at least 1.</param>
    /// <param name="width">Columns of a sample, at least 1.</param>
    /// <param name="channels">Planes of a sample, at least 1.</param>
    /// <param name="classCount">Number of classes, from 1 to 256.</param>
    /// <exception cref="ArgumentException">Sizes or labels do not fit together.</exception>
    public LabeledImages(byte[] elements, ElementKind elementKind, byte[] labels, int height, int width, int channels, int classCount)
    {
        ArgumentNullException.ThrowIfNull(elements);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(classCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classCount, 256);
        var expected = (Int128)labels.Length * channels * height * width * BytesOf(elementKind);
        if (elements.Length != expected)
        {
            throw new ArgumentException(
                $"{labels.Length} labels of {channels} x {height} x {width} images need {expected} bytes but got {elements.Length}.",
                nameof(elements));
        }
        var outside = classCount == 256 ? -1 : labels.AsSpan().IndexOfAnyInRange((byte)classCount, byte.MaxValue);
        if (outside >= 0)
            throw new ArgumentException($"Label {outside} is {labels[outside]}, not below the class count {classCount}.", nameof(labels));
        (Elements, ElementKind, Labels) = (elements, elementKind, labels);
        (Height, Width, Channels, ClassCount) = (height, width, channels, classCount);
    }

    /// <summary>
    /// Every sample in one array: shape (<see cref="Count"/>, <see cref="Channels"/>, <see cref="Height"/>, <see cref="Width"/>), row-major, of
    /// <see cref="ElementBytes"/> bytes each. The bytes that a digest covers and a wire carries.
    /// </summary>
    public byte[] Elements { get; }

    /// <summary>What an element is.</summary>
    public ElementKind ElementKind { get; }

    /// <summary>Bytes of one element: 1 or 4.</summary>
    public int ElementBytes => BytesOf(ElementKind);

    /// <summary><see cref="Elements"/> of images of bytes.</summary>
    /// <exception cref="InvalidOperationException">The elements are not bytes.</exception>
    public byte[] Pixels => ElementKind == ElementKind.Byte
        ? Elements
        : throw new InvalidOperationException("The samples are binary32 numbers, not pixels.");

    /// <summary><see cref="Elements"/> as numbers.</summary>
    /// <exception cref="InvalidOperationException">The elements are not binary32 numbers.</exception>
    public ReadOnlySpan<float> Values => ElementKind == ElementKind.Binary32
        ? MemoryMarshal.Cast<byte, float>(Elements)
        : throw new InvalidOperationException("The samples are pixels, not binary32 numbers.");

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

    /// <summary>Elements per sample: channels · height · width.</summary>
    public int ImageSize => Channels * Height * Width;

    /// <summary>Copies of some of the images, in the order of their numbers.</summary>
    /// <param name="indices">Each in [0, <see cref="Count"/>).</param>
    public LabeledImages Select(ReadOnlySpan<int> indices)
    {
        var size = checked(ImageSize * ElementBytes);
        var elements = new byte[checked(indices.Length * size)];
        var labels = new byte[indices.Length];
        for (var i = 0; i < indices.Length; i++)
        {
            Elements.AsSpan(checked(indices[i] * size), size).CopyTo(elements.AsSpan(i * size));
            labels[i] = Labels[indices[i]];
        }
        return new LabeledImages(elements, ElementKind, labels, Height, Width, Channels, ClassCount);
    }

    /// <summary>The pixels of one image, shape (channels, height, width).</summary>
    /// <exception cref="InvalidOperationException">The elements are not bytes.</exception>
    public ReadOnlySpan<byte> Image(int index) => Pixels.AsSpan(checked(index * ImageSize), ImageSize);

    /// <summary>Samples of binary32 numbers; the values are copied.</summary>
    /// <param name="values">Shape (N, channels, height, width), row-major; finite.</param>
    /// <param name="labels">Shape (N); each in [0, <paramref name="classCount"/>).</param>
    /// <param name="height">Rows of a sample, at least 1.</param>
    /// <param name="width">Columns of a sample, at least 1.</param>
    /// <param name="channels">Planes of a sample, at least 1.</param>
    /// <param name="classCount">Number of classes, from 1 to 256.</param>
    /// <exception cref="ArgumentException">Sizes or labels do not fit together.</exception>
    public static LabeledImages FromValues(ReadOnlySpan<float> values, byte[] labels, int height, int width, int channels, int classCount) =>
        BitConverter.IsLittleEndian
            ? new(MemoryMarshal.AsBytes(values).ToArray(), ElementKind.Binary32, labels, height, width, channels, classCount)
            : throw new PlatformNotSupportedException("DistTrain needs a little-endian processor.");

    /// <summary>Bytes of one element of a kind.</summary>
    public static int BytesOf(ElementKind kind) => kind switch
    {
        ElementKind.Byte => 1,
        ElementKind.Binary32 => sizeof(float),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Elements are bytes or binary32 numbers."),
    };
}
