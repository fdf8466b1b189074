using System.Diagnostics;
using DistTrain.Cli.Data;
using DistTrain.Cli.Images;
using DistTrain.Cli.Processes;
using DistTrain.Core.Data;

namespace DistTrain.Cli;

/// <summary>Everything the command sees of the world around it, so that tests can give it another.</summary>
public sealed record Surroundings
{
    /// <summary>Standard output: results, and with <c>--json</c> nothing but JSON.</summary>
    public required TextWriter Output { get; init; }

    /// <summary>Standard error: messages and logs.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>An environment variable's value, or null.</summary>
    public required Func<string, string?> Variable { get; init; }

    /// <summary>The names of all environment variables.</summary>
    public IReadOnlyList<string> VariableNames { get; init; } = [];

    /// <summary>Whether a person watches: output is a terminal.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>Whether standard error is a terminal.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>Where relative paths begin.</summary>
    public string WorkingDirectory { get; init; } = Environment.CurrentDirectory;

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>When this process began.</summary>
    public DateTimeOffset ProcessStart { get; init; } = TimeProvider.System.GetUtcNow();

    /// <summary>Processor cores to share out.</summary>
    public int Cores { get; init; } = Environment.ProcessorCount;

    /// <summary>The command that starts this program again: a file, and arguments to put before all others.</summary>
    public IReadOnlyList<string> Self { get; init; } = [];

    /// <summary>Environment variables that processes started by this one do not get.</summary>
    public IReadOnlyList<string> Withheld { get; init; } = [];

    /// <summary>Finds and loads a dataset; null: with <see cref="DatasetResolver"/>.</summary>
    public Func<string?, string?, CancellationToken, Task<ResolvedDataset>>? LoadDataset { get; init; }

    /// <summary>
    /// Runs this program once more, by default as a process of its own: arguments, taker of the lines of its standard output, cancellation;
    /// gives the exit code.
    /// </summary>
    public Func<IReadOnlyList<string>, Action<string>, CancellationToken, Task<int>>? Again { get; init; }

    /// <summary>Wall time since the process began.</summary>
    public TimeSpan Elapsed => Time.GetUtcNow() - ProcessStart;

    /// <summary>A line on standard error, if it takes one: a full disk behind it may be what the line is about.</summary>
    public void Tell(string line) => Tell(Error, line);

    /// <summary>A line, if the writer takes it.</summary>
    internal static void Tell(TextWriter writer, string line)
    {
        try
        {
            writer.WriteLine(line);
            writer.Flush();
        }
        // A closed descriptor is the second.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>A path as the user wrote it, made absolute.</summary>
    public string Resolve(string path) => Path.GetFullPath(path, WorkingDirectory);

    /// <summary>The real ones.</summary>
    public static Surroundings OfThisProcess()
    {
        using var process = Process.GetCurrentProcess();
        return new Surroundings
        {
            Output = Console.Out,
            Error = Console.Error,
            Variable = Environment.GetEnvironmentVariable,
            VariableNames = [.. Environment.GetEnvironmentVariables().Keys.Cast<string>()],
            IsTerminal = !Console.IsOutputRedirected && IsUnset("CI") && IsUnset("NO_COLOR"),
            ErrorIsTerminal = !Console.IsErrorRedirected,
            ProcessStart = process.StartTime.ToUniversalTime(),
            Self = FindSelf(),
        };

        static bool IsUnset(string name) => string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name));
    }

    /// <summary>The dataset of that name, or the default one.</summary>
    /// <param name="name">What <c>--dataset</c> says; null if it says nothing.</param>
    /// <param name="directory">What <c>--data</c> says; null if it says nothing.</param>
    /// <param name="cancellation">Ends a download.</param>
    public async Task<ResolvedDataset> Load(string? name, string? directory, CancellationToken cancellation)
    {
        if (LoadDataset is { } load)
        {
            return await load(name, directory, cancellation).ConfigureAwait(false);
        }

        // The variable is an option's value as well; the resolver reads it itself, and then names it rather than the option.
        if (Variable(DatasetResolver.DataVariable) is { Length: > 0 } variable && directory == Resolve(variable))
        {
            directory = null;
        }

        var resolver = new DatasetResolver(Variable, Fetch, Error.WriteLine, PngFolder.Read);
        return await resolver.ResolveAsync(name, directory, cancellation).ConfigureAwait(false);
    }

    /// <summary>Makes a directory hold a dataset's files.</summary>
    public async Task Fetch(DatasetEntry entry, string directory, CancellationToken cancellation)
    {
        using var client = DatasetDownloader.CreateClient();
        await new DatasetDownloader(client, Error.WriteLine).FetchAsync(entry, directory, cancellation).ConfigureAwait(false);
    }

    /// <summary>Runs this program once more: see <see cref="Again"/>.</summary>
    public async Task<int> RunAgain(IReadOnlyList<string> arguments, Action<string> output, CancellationToken cancellation)
    {
        if (Again is { } again)
        {
            return await again(arguments, output, cancellation).ConfigureAwait(false);
        }

        await using var child = ChildProcess.Start(this, arguments, output, Error.WriteLine);
        await using var stopping = cancellation.Register(child.CloseInput).ConfigureAwait(false);
        return await child.Exited.ConfigureAwait(false);
    }

    /// <summary>This program as started: its own executable, or <c>dotnet</c> with the assembly.</summary>
    private static IReadOnlyList<string> FindSelf()
    {
        var process = Environment.ProcessPath ?? "disttrain";
        return Path.GetFileNameWithoutExtension(process) == "dotnet" ? [process, Environment.GetCommandLineArgs()[0]] : [process];
    }
}
