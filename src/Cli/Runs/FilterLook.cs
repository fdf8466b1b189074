using DistTrain.Core.Tensors;

namespace DistTrain.Cli.Runs;

/// <summary>The filters of the first convolution. For the page and the report.</summary>
/// <param name="Tensor">The weight's name.</param>
/// <param name="Count">How many filters it has.</param>
/// <param name="Image">The size of each.</param>
/// <param name="Pixels">The first of them, each from its smallest weight (0) to its largest (255), a byte each, in base 64.</param>
public sealed record FilterLook(string Tensor, int Count, PixelSize Image, IReadOnlyList<string> Pixels) : RunEvent
{
    private const int Most = 64;
    private const int ColorChannels = 3;

    /// <summary>Of a network's parameters; null if it has no convolution.</summary>
    public static FilterLook? Of(ParameterSet parameters)
    {
        // What only a convolution has: (filters, channels, rows, columns).
        if (parameters.Layout.ParameterSlots.FirstOrDefault(slot => slot.Shape.Rank == 4) is not { } weight)
        {
            return null;
        }

        var (channels, rows, columns) = (weight.Shape[1], weight.Shape[2], weight.Shape[3]);
        // Of more channels than a picture has, the first.
        var shown = channels == ColorChannels ? channels : 1;
        var values = parameters.View(weight);
        var size = channels * rows * columns;
        var pixels = new List<string>();
        for (var filter = 0; filter < Math.Min(Most, weight.Shape[0]); filter++)
        {
            pixels.Add(ToBytes(values.Slice(filter * size, shown * rows * columns)));
        }

        return new FilterLook(weight.Name, weight.Shape[0], new PixelSize(shown, rows, columns), pixels);
    }

    private static string ToBytes(ReadOnlySpan<float> weights)
    {
        var (low, high) = (float.PositiveInfinity, float.NegativeInfinity);
        foreach (var weight in weights)
        {
            (low, high) = (MathF.Min(low, weight), MathF.Max(high, weight));
        }

        var bytes = new byte[weights.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = high > low ? (byte)MathF.Round(byte.MaxValue * ((weights[i] - low) / (high - low))) : (byte)0;
        }

        return Convert.ToBase64String(bytes);
    }
}
