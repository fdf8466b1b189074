namespace DistTrain.Core.Data;

/// <summary>One file of a dataset, as its publisher named it. On disk and on mirrors it may be gzipped, with ".gz" after its name.</summary>
/// <param name="Name">File name without ".gz".</param>
/// <param name="UnpackedBytes">Its exact size when unpacked.</param>
/// <param name="Sha256">SHA-256 of the unpacked content, lower-case hex: a gzip wrapper may differ between mirrors, its content may not.</param>
public sealed record DatasetFile(string Name, long UnpackedBytes, string Sha256);
