using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;
using DistTrain.Coordinator;
using DistTrain.Worker;

namespace DistTrain.Cli.Tests.Deploy;

/// <summary>What the files of <c>deploy/</c> are compared with: the program and its image.</summary>
internal static partial class DeployedProgram
{
    /// <summary>The directory <c>deploy</c>.</summary>
    public static string Directory { get; } = Path.Combine(FindRoot(), "deploy");

    /// <summary>What the image runs, from its Dockerfile.</summary>
    public static IReadOnlyList<string> EntryPoint { get; } = JsonSerializer.Deserialize<List<string>>(DockerfileLine(EntryPointLine()))!;

    /// <summary>The image's user.</summary>
    public static long User { get; } = long.Parse(DockerfileLine(UserLine()), CultureInfo.InvariantCulture);

    /// <summary>How long a role takes to end in order once it is told to; an engine has to wait longer.</summary>
    public static TimeSpan StopTime(string role) =>
        role == "worker" ? new WorkerOptions { Coordinator = "x" }.FinishTimeout + WorkerCommand.GoodbyeTime : CoordinatorOptions.StopGrace;

    /// <summary>The verb of a command line, all of whose options it has, with values that it takes; $(…) is filled in by an engine.</summary>
    public static Verb Understands(IList<string> arguments)
    {
        var verb = Assert.Single(DistTrainCommand.Verbs, verb => verb.Name == arguments[0]);
        for (var i = 1; i < arguments.Count; i++)
        {
            var setting = Assert.Single(verb.Settings, setting => setting.Name == arguments[i]);
            if (!setting.IsFlag && !arguments[++i].Contains("$(", StringComparison.Ordinal))
            {
                setting.Check(arguments[i], arguments[i - 1]);
            }
        }

        return verb;
    }

    /// <summary>What a health check runs is <c>disttrain health</c>, as the image starts it; it may take longer than that looks for a coordinator.</summary>
    /// <returns>The arguments of the program.</returns>
    public static IList<string> UnderstandsHealth(IEnumerable<string> command, TimeSpan timeout)
    {
        var words = command.ToList();
        Assert.Equal(EntryPoint, words.Take(EntryPoint.Count));
        var arguments = words.Skip(EntryPoint.Count).ToList();
        Assert.Equal("health", arguments[0]);
        Understands(arguments);
        Assert.True(timeout > CommonOptions.DefaultFindTimeout, "it is cut off before it has looked");
        return arguments;
    }

    /// <summary>The value of an option.</summary>
    public static string Value(IList<string> arguments, Setting setting) => arguments[arguments.IndexOf(setting.Name) + 1];

    /// <summary>Of HOST:PORT.</summary>
    public static (string Host, int Port) Address(IList<string> arguments, Setting setting)
    {
        var parts = Value(arguments, setting).Split(':');
        return (parts[0], int.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    private static string DockerfileLine(Regex line) => line.Match(File.ReadAllText(Path.Combine(Directory, "Dockerfile"))).Groups[1].Value;

    private static string FindRoot()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "DistTrain.sln")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("The tests run outside of the repository.");
        }

        return directory;
    }

    [GeneratedRegex(@"^ENTRYPOINT (\[.*\])$", RegexOptions.Multiline)]
    private static partial Regex EntryPointLine();

    [GeneratedRegex(@"^USER (\d+):", RegexOptions.Multiline)]
    private static partial Regex UserLine();
}
