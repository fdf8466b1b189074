using DistTrain.Core.Data;

namespace DistTrain.Cli.Data;

/// <summary>A dataset, and where it came from.</summary>
/// <param name="Dataset">The data.</param>
/// <param name="Origin">One sentence for people.</param>
public sealed record ResolvedDataset(Dataset Dataset, string Origin);
