namespace DistTrain.Core.Data;

/// <summary>The content of one IDX file of unsigned bytes.</summary>
/// <param name="Name">The file's name, for messages.</param>
/// <param name="Dimensions">Sizes, outermost first: (N) for labels, (N, height, width) for images; each at least 1.</param>
/// <param name="Data">The elements, row-major; exactly the product of the dimensions.</param>
/// <param name="Sha256">SHA-256 of the unpacked file, header included, lower-case hex.</param>
public sealed record IdxFile(string Name, IReadOnlyList<int> Dimensions, byte[] Data, string Sha256);
