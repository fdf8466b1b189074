using System.Diagnostics;
using System.Text;
using DistTrain.Cli.Tests.Views;

namespace DistTrain.Cli.Tests.Processes;

/// <summary>A terminal with this program in it: a real pseudo-terminal, which <c>script</c> opens, and what is seen on it.</summary>
internal sealed class Terminal : IDisposable
{
    private readonly Process _process;

    private Terminal(int columns, int height, Process process) => (Screen, _process) = (new TerminalScreen(columns, height), process);

    /// <summary>Whether this system can open one.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() && File.Exists("/usr/bin/script") && File.Exists("/usr/bin/stty");

    /// <summary>What is on it.</summary>
    public TerminalScreen Screen { get; }

    /// <summary>Starts this program on a terminal.</summary>
    /// <param name="columns">Its width.</param>
    /// <param name="height">Its height.</param>
    /// <param name="directory">Where it runs.</param>
    /// <param name="environment">Variables to set or, with null, to take away; besides that it is an xterm, without CI and NO_COLOR.</param>
    /// <param name="arguments">Of the program.</param>
    public static Terminal Start(int columns, int height, string directory, (string Name, string? Value)[] environment, params string[] arguments)
    {
        var words = (string[])["dotnet", typeof(DistTrainCommand).Assembly.Location, .. arguments];
        // The shell passes signals on by becoming the program; Ctrl-S stops what it writes.
        var command = $"stty cols {columns} rows {height} ixon; exec {string.Join(' ', words.Select(Quoted))}";
        var start = new ProcessStartInfo("/usr/bin/script", ["-q", "-e", "-f", "-c", command, "/dev/null"])
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        (string Name, string? Value)[] usual =
            [("CI", null), ("NO_COLOR", null), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8"), ("SHELL", "/bin/sh")];
        foreach (var (name, value) in usual.Concat(environment))
        {
            start.Environment[name] = value;
            if (value is null)
            {
                start.Environment.Remove(name);
            }
        }

        return new Terminal(columns, height, Process.Start(start)!);
    }

    /// <summary>Types, for example <c>\x03</c> for Ctrl-C.</summary>
    public void Type(string text)
    {
        _process.StandardInput.Write(text);
        _process.StandardInput.Flush();
    }

    /// <summary>Takes in what is written, until the given test of it holds or the program has ended.</summary>
    /// <returns>Whether it holds.</returns>
    public async Task<bool> ReadUntilAsync(Func<TerminalScreen, bool> holds, CancellationToken cancellation)
    {
        var buffer = new char[4096];
        while (!holds(Screen))
        {
            var count = await _process.StandardOutput.ReadAsync(buffer, cancellation);
            if (count == 0)
            {
                return false;
            }

            Screen.Take(buffer.AsSpan(0, count));
        }

        return true;
    }

    /// <summary>Takes in everything until the program has ended, and gives its exit code.</summary>
    public async Task<int> ReadToEndAsync(CancellationToken cancellation)
    {
        await ReadUntilAsync(_ => false, cancellation);
        await _process.WaitForExitAsync(cancellation);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private static string Quoted(string word) => "'" + word.Replace("'", @"'\''", StringComparison.Ordinal) + "'";
}
