namespace DistTrain.Core.Data;

/// <summary>One file of a dataset, as its publisher named it. On disk it may be gzipped, and on mirrors it is, with ".gz" added.</summary>
/// <param name="Name">File name without ".gz".</param>
/// <param name="UnpackedBytes">Its exact size when unpacked; null if the content is not pinned.</param>
/// <param name="Sha256">
/// SHA-256 of the unpacked content, lower-case hex (mirrors may wrap it in different gzip bytes); null if the content is not pinned.
/// </param>
public sealed record DatasetFile(string Name, long? UnpackedBytes = null, string? Sha256 = null);
