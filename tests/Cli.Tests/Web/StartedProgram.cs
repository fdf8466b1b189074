using System.Diagnostics;
using System.Text.Json;

namespace DistTrain.Cli.Tests.Web;

/// <summary>This program as a process of its own with <c>--json</c>, ended by its id if it has not ended.</summary>
internal sealed class StartedProgram : IDisposable
{
    private readonly Process _process;
    private readonly List<JsonElement> _lines = [];

    private StartedProgram(Process process) => _process = process;

    /// <summary>The lines so far.</summary>
    public IReadOnlyList<JsonElement> Lines => _lines;

    /// <summary>Its process.</summary>
    public int Id => _process.Id;

    /// <summary>Starts it.</summary>
    /// <param name="directory">Where it runs.</param>
    /// <param name="arguments">What it does.</param>
    public static StartedProgram Start(string directory, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(DistTrainCommand).Assembly.Location, .. arguments])
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["XDG_CACHE_HOME"] = Cache.Path;
        var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        return new StartedProgram(process);
    }

    /// <summary>The next line of an event of that name.</summary>
    public async Task<JsonElement> NextAsync(string name, CancellationToken cancellation)
    {
        while (await _process.StandardOutput.ReadLineAsync(cancellation) is { } line)
        {
            var read = JsonDocument.Parse(line).RootElement;
            _lines.Add(read);
            if (read.GetProperty("event").GetString() == name)
            {
                return read;
            }
        }

        throw new InvalidOperationException($"It ended without '{name}': {string.Join('\n', _lines)}");
    }

    /// <summary>Asks it to stop, as Ctrl-C does.</summary>
    public void Interrupt()
    {
        using var kill = Process.Start("kill", ["-INT", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> EndAsync(CancellationToken cancellation)
    {
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
}
