using System.Numerics;
using System.Runtime.Intrinsics.X86;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;

namespace DistTrain.Core.Training;

/// <summary>The one path from a dataset's elements to a row of a network's input.</summary>
/// <typeparam name="T">The element type of the network.</typeparam>
/// <param name="model">Says how its input is normalised.</param>
/// <param name="kernels">What it computes with.</param>
internal sealed unsafe class SampleLoader<T>(ModelSpec model, Kernels<T> kernels)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly NormalizeOperator[] _channels = model.Normalization is { } normalization
        ? [.. normalization.Mean.Zip(normalization.StandardDeviation, (mean, deviation) => new NormalizeOperator(mean, deviation))]
        : [];

    /// <summary>A sample as it is: a byte becomes <c>byte / 255</c>, a number stays.</summary>
    /// <param name="images">Where it lies.</param>
    /// <param name="sample">Which one.</param>
    /// <param name="row">Receives <see cref="LabeledImages.ImageSize"/> elements.</param>
    /// <returns>Its label.</returns>
    /// <exception cref="IndexOutOfRangeException">There is no such sample.</exception>
    public byte Load(LabeledImages images, int sample, T* row)
    {
        // First the label: its array checks the sample's number, the elements' pointer does not.
        var label = images.Labels[sample];
        var size = images.ImageSize;
        fixed (byte* elements = images.Elements)
        {
            var first = elements + ((nint)sample * size * images.ElementBytes);
            if (images.ElementKind == ElementKind.Byte)
            {
                kernels.BytesToUnit(first, row, size);
            }
            else
            {
                var values = new ReadOnlySpan<float>(first, size);
                for (var i = 0; i < values.Length; i++)
                {
                    row[i] = T.CreateTruncating(values[i]);
                }
            }
        }

        return label;
    }

    /// <summary>
    /// Tells the processor that a sample will be wanted soon. A step's samples lie anywhere in the dataset, which no cache holds: without this, every one
    /// of them is waited for.
    /// </summary>
    /// <param name="images">Where it lies.</param>
    /// <param name="sample">Which one.</param>
    public static void Prefetch(LabeledImages images, int sample)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        var size = (nint)images.ImageSize * images.ElementBytes;
        fixed (byte* elements = images.Elements)
        {
            var first = elements + (sample * size);
            for (nint i = 0; i < size; i += CacheLine.Bytes)
            {
                Sse.Prefetch1(first + i);
            }

            // A sample need not begin with a line, and then ends in one more.
            Sse.Prefetch1(first + size - 1);
        }
    }

    /// <summary>Normalises a loaded sample in place, if the model wants it: <see cref="NormalizationSpec"/>.</summary>
    /// <param name="row">The sample.</param>
    /// <param name="size">Its elements.</param>
    public void Normalize(T* row, int size)
    {
        if (_channels.Length == 0)
        {
            return;
        }

        var plane = size / _channels.Length;
        foreach (var channel in _channels)
        {
            kernels.Map(channel, row, row, plane);
            row += plane;
        }
    }
}
