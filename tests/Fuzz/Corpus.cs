using System.Security.Cryptography;

namespace DistTrain.Fuzz;

/// <summary>The inputs that are kept, one directory for each target.</summary>
public static class Corpus
{
    /// <summary>The corpus that is built with this program.</summary>
    public static string Directory => Path.Combine(AppContext.BaseDirectory, "corpus");

    /// <summary>A target's inputs, by their names.</summary>
    public static IReadOnlyList<Seed> Read(string directory, FuzzTarget target) =>
    [
        .. new DirectoryInfo(Path.Combine(directory, target.Name)).EnumerateFiles()
            .OrderBy(file => file.Name, StringComparer.Ordinal)
            .Select(file => new Seed(file.Name, File.ReadAllBytes(file.FullName))),
    ];

    /// <summary>Writes the seeds of a target, over those that are there.</summary>
    /// <returns>How many there are.</returns>
    public static int WriteSeeds(string directory, FuzzTarget target)
    {
        var place = System.IO.Directory.CreateDirectory(Path.Combine(directory, target.Name)).FullName;
        var count = 0;
        foreach (var seed in target.Seeds())
        {
            File.WriteAllBytes(Path.Combine(place, seed.Name), seed.Content);
            count++;
        }

        return count;
    }

    /// <summary>Keeps an input under the name of its content.</summary>
    public static string Keep(string directory, FuzzTarget target, byte[] input)
    {
        var path = Path.Combine(System.IO.Directory.CreateDirectory(Path.Combine(directory, target.Name)).FullName, Convert.ToHexStringLower(SHA256.HashData(input))[..16]);
        File.WriteAllBytes(path, input);
        return path;
    }
}
