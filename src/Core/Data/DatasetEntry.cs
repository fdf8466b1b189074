namespace DistTrain.Core.Data;

/// <summary>A dataset the program knows by name.</summary>
/// <param name="Name">What users write after --dataset; also the directory of its files below the data directory.</param>
/// <param name="Description">One line for people, with its source and licence.</param>
/// <param name="Files">Its files; empty when the program makes the data itself.</param>
/// <param name="Mirrors">
/// Places to download from, in order: each file lies at mirror + name + ".gz". Without one, users put the files in place themselves.
/// </param>
public sealed record DatasetEntry(string Name, string Description, IReadOnlyList<DatasetFile> Files, IReadOnlyList<Uri> Mirrors)
{
    /// <summary>Reads it from the directory of its files; null when the program makes the data itself.</summary>
    public Func<string, Dataset>? Read { get; init; }

    /// <summary>
    /// Makes it, with as many training and test samples as asked for, as far as it comes in sizes (null: all there are); null when it is read from
    /// files.
    /// </summary>
    public Func<int?, int?, Dataset>? Make { get; init; }

    /// <summary>Whether the program makes the data itself.</summary>
    public bool IsBuiltIn => Make is not null;
}
