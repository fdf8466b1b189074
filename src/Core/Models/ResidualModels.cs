namespace DistTrain.Core.Models;

/// <summary>
/// ResNet-20 (He et al. 2016, section 4.2) and its plain twin: a convolution, three stages of three blocks of two 3 × 3 convolutions with 16, 32 and 64
/// filters, each followed by batch normalisation, the average over the image, the scores. Shortcuts that change shape are projections (their option B).
/// </summary>
public static class ResidualModels
{
    private const int Classes = 10;
    private const int BlocksPerStage = 3;
    private static readonly int[] StageFilters = [16, 32, 64];

    /// <summary>With shortcuts.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="input">(channels, height, width)</param>
    public static ModelSpec ResNet20(string name, IReadOnlyList<int> input) => Network(name, input, hasShortcuts: true);

    /// <summary>Without: the same layers, one after the other.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="input">(channels, height, width)</param>
    public static ModelSpec Plain20(string name, IReadOnlyList<int> input) => Network(name, input, hasShortcuts: false);

    private static ModelSpec Network(string name, IReadOnlyList<int> input, bool hasShortcuts)
    {
        var layers = new List<LayerSpec>([.. Normalized(StageFilters[0], 3, 1), new ReluSpec()]);
        foreach (var filters in StageFilters)
        {
            for (var block = 0; block < BlocksPerStage; block++)
            {
                var stride = block == 0 && filters != StageFilters[0] ? 2 : 1;
                IReadOnlyList<LayerSpec> main = [.. Normalized(filters, 3, stride), new ReluSpec(), .. Normalized(filters, 3, 1)];
                if (hasShortcuts)
                {
                    layers.Add(new ResidualSpec(main, stride == 1 ? null : Normalized(filters, 1, stride)));
                }
                else
                {
                    layers.AddRange(main);
                }

                layers.Add(new ReluSpec());
            }
        }

        layers.AddRange([new GlobalAveragePoolingSpec(), new AffineSpec(Classes)]);
        return new ModelSpec(name, input, layers);
    }

    /// <summary>The convolution has no bias: the normalisation that follows would take it off again.</summary>
    private static IReadOnlyList<LayerSpec> Normalized(int filters, int kernel, int stride) =>
        [new ConvolutionSpec(filters, kernel, stride, Padding: kernel / 2, Bias: false), new BatchNormalizationSpec()];
}
