using System.Runtime.InteropServices;

namespace DistTrain.Chaos;

/// <summary>Programs of the system that some rows need, and the namespaces that what they do vanishes with.</summary>
internal static partial class Tools
{
    private const string Inside = "DISTTRAIN_CHAOS_INSIDE";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Whether networks and mounts made here are nobody else's.</summary>
    public static bool HasOwnNamespaces => Environment.GetEnvironmentVariable(Inside) == "1";

    /// <summary>
    /// Where the user may, this process becomes the same one in network and mount namespaces of its own, so that links, rules and mounts
    /// vanish with it, however it ends. Else nothing happens, and the rows that need them are not run.
    /// </summary>
    public static async Task EnterNamespacesAsync(IReadOnlyList<string> arguments)
    {
        if (HasOwnNamespaces)
        {
            await RequireAsync("ip", "link", "set", "lo", "up");
            // Names of network namespaces are files, which would stay.
            Directory.CreateDirectory("/run/netns");
            await RequireAsync("mount", "-t", "tmpfs", "tmpfs", "/run/netns");
            return;
        }

        if (OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess && (await TryAsync("unshare", "-n", "-m", "true")).Code == 0)
        {
            string[] command = ["unshare", "-n", "-m", "--", "env", $"{Inside}=1", Programs.Self, .. arguments];
            _ = execvp(command[0], [.. command, null]);
            throw new InvalidOperationException($"{command[0]}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>Makes sure that networks and mounts may be made here.</summary>
    /// <exception cref="RowNotRunException">They may not.</exception>
    public static void RequireNamespaces()
    {
        if (!HasOwnNamespaces)
        {
            throw new RowNotRunException("needs root and namespaces of its own (unshare -n -m)");
        }
    }

    /// <summary>Runs a program.</summary>
    /// <returns>What it wrote.</returns>
    /// <exception cref="RowNotRunException">There is no such program, or it fails.</exception>
    public static async Task<string> RequireAsync(params string[] command)
    {
        var (code, text) = await TryAsync(command);
        return code == 0 ? text : throw new RowNotRunException($"'{string.Join(' ', command)}' fails: {text.Trim()}");
    }

    private static async Task<(int Code, string Text)> TryAsync(params string[] command)
    {
        try
        {
            var output = new System.Collections.Concurrent.ConcurrentQueue<string>();
            await using var process = ChaosProcess.Start(command, command[0], Programs.NoEnvironment, output.Enqueue);
            var code = await process.ExitAsync(Patience);
            return (code, string.Join('\n', [.. output, process.Errors]));
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (-1, e.Message);
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int execvp(string file, string?[] arguments);
}
