namespace DistTrain.Core.Data;

/// <summary>How a set of IDX files differs from MNIST's.</summary>
/// <param name="ClassCount">Classes; null for the largest label + 1, at least 2.</param>
/// <param name="FirstLabel">The label of the first class: 0, or 1 in EMNIST's letters.</param>
/// <param name="IsTransposed">
/// Whether images are stored column by column, as EMNIST's are, and are turned back on reading. Source: G. Cohen et al., "EMNIST: an extension of
/// MNIST to handwritten letters" (2017); the files follow Matlab's order.
/// </param>
public sealed record IdxLayout(int? ClassCount = null, int FirstLabel = 0, bool IsTransposed = false);
