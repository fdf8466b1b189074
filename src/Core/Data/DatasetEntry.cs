namespace DistTrain.Core.Data;

/// <summary>A dataset the program knows by name.</summary>
/// <param name="Name">What users write after --dataset; also the directory of its files below the data directory.</param>
/// <param name="Description">One line for people, with its source and licence.</param>
/// <param name="Files">Its files; empty when the program makes the data itself.</param>
/// <param name="Mirrors">Places to download from, in order: each file lies at mirror + name + ".gz".</param>
public sealed record DatasetEntry(string Name, string Description, IReadOnlyList<DatasetFile> Files, IReadOnlyList<Uri> Mirrors);
