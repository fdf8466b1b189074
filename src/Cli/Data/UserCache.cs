namespace DistTrain.Cli.Data;

/// <summary>Where downloads are kept between runs.</summary>
public static class UserCache
{
    /// <summary>
    /// <c>$XDG_CACHE_HOME/disttrain</c> if that is set and absolute, else <c>~/.cache/disttrain</c>; on Windows <c>disttrain</c> below the
    /// local application data; below the temporary directory for a user without a home.
    /// </summary>
    /// <param name="environment">Gives an environment variable's value, or null.</param>
    /// <param name="isWindows">Whether Windows' rule holds.</param>
    public static string Directory(Func<string, string?> environment, bool isWindows)
    {
        var cache = isWindows
            ? Absolute(environment("LOCALAPPDATA"))
            // The XDG Base Directory Specification has relative paths ignored.
            : Absolute(environment("XDG_CACHE_HOME")) ?? (Absolute(environment("HOME")) is { } home ? Path.Combine(home, ".cache") : null);
        return Path.Combine(cache ?? Path.GetTempPath(), "disttrain");
    }

    private static string? Absolute(string? path) => Path.IsPathFullyQualified(path ?? "") ? path : null;
}
