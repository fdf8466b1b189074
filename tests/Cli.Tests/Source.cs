using DistTrain.Cli.Tests.Deploy;

namespace DistTrain.Cli.Tests;

/// <summary>The repository that these tests were built from.</summary>
internal static class Source
{
    /// <summary>Its first directory.</summary>
    public static string Root { get; } = Path.GetDirectoryName(DeployedProgram.Directory)!;

    /// <summary>The text files below some of its directories, without what a build or a run made.</summary>
    public static IEnumerable<string> Files(params string[] directories) => directories
        .SelectMany(directory => Directory.EnumerateFiles(Path.Combine(Root, directory), "*", SearchOption.AllDirectories))
        .Where(path => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "runs"))
        .Where(path => Path.GetExtension(path) is "" or ".sh" or ".cs" or ".yaml" or ".md" or ".sbatch");
}
