using DistTrain.Cli.Plots;

namespace DistTrain.Cli.Experiments;

/// <summary>Noisy curves for the eye; the CSV keeps them as they are.</summary>
internal static class Smoothing
{
    private const int Reach = 10;

    /// <summary>The mean over 10 elements on each side, fewer at the ends.</summary>
    public static Curve Apply(Curve curve) => curve with
    {
        Y = [.. Enumerable.Range(0, curve.Y.Count).Select(i =>
        {
            var reach = Math.Min(Reach, Math.Min(i, curve.Y.Count - 1 - i));
            return curve.Y.Skip(i - reach).Take((2 * reach) + 1).Average();
        })],
    };
}
