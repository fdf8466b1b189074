using DistTrain.Core;

namespace DistTrain.Cli.Data;

/// <summary>Where what a user wants to keep lies, as against <see cref="UserCache"/>.</summary>
public static class UserConfiguration
{
    /// <summary>
    /// <c>$XDG_CONFIG_HOME/disttrain</c> if that is set and absolute, else <c>~/.config/disttrain</c>; on Windows <c>disttrain</c> below the
    /// local application data.
    /// </summary>
    /// <param name="environment">Gives an environment variable's value, or null.</param>
    /// <param name="isWindows">Whether Windows' rule holds.</param>
    /// <exception cref="InvalidInputException">The user has no home.</exception>
    public static string Directory(Func<string, string?> environment, bool isWindows)
    {
        var configuration = isWindows
            ? Absolute(environment("LOCALAPPDATA"))
            : Absolute(environment("XDG_CONFIG_HOME")) ?? (Absolute(environment("HOME")) is { } home ? Path.Combine(home, ".config") : null);
        // Keys do not belong where everybody may write.
        return Path.Combine(
            configuration ?? throw new InvalidInputException("This user has no home directory to keep keys and certificates in; name a directory with --identity DIR."), "disttrain");
    }

    private static string? Absolute(string? path) => Path.IsPathFullyQualified(path ?? "") ? path : null;
}
