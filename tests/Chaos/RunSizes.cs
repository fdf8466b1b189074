using DistTrain.Core.Models;

namespace DistTrain.Chaos;

/// <summary>Sizes of the base run's network.</summary>
internal static class RunSizes
{
    /// <summary>Bytes of one partial's gradient.</summary>
    public static int GradientBytes { get; } = ModelCatalog.MultiLayer("multi-layer", [32]).ParameterLayout().Length * sizeof(float);
}
