namespace DistTrain.Cli.Tests;

/// <summary>Where the worker processes of these tests keep the datasets they are sent: one directory for all, since the variable that names it is the process's.</summary>
internal static class Cache
{
    static Cache() => AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(Path, recursive: true);

    public static string Path { get; } = Directory.CreateTempSubdirectory("disttrain-test-cache-").FullName;
}
