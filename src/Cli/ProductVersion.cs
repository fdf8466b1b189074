using System.Reflection;

namespace DistTrain.Cli;

/// <summary>The build.</summary>
public static class ProductVersion
{
    /// <summary>Version and, after a plus sign, the commit.</summary>
    public static string Text { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
