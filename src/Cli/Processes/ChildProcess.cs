using System.Diagnostics;

namespace DistTrain.Cli.Processes;

/// <summary>
/// This program, started again. Its standard input is a pipe: the child ends when the pipe closes, and the system closes
/// it however this process ends, so no orphan survives.
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    /// <summary>How long a child may take to end by itself, and again after its pipe was closed, before it is killed.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly Process _process;
    private readonly TimeProvider _time;
    private readonly Task _copying;

    private ChildProcess(Process process, TimeProvider time, Action<string> output, Action<string> error)
    {
        (_process, _time, Id) = (process, time, process.Id);
        _copying = Task.WhenAll(CopyLines(process.StandardOutput, output), CopyLines(process.StandardError, error));
        Exited = WaitAsync();
    }

    /// <summary>The system's number for it.</summary>
    public int Id { get; }

    /// <summary>Its exit code, once it has ended and everything it wrote has been taken.</summary>
    public Task<int> Exited { get; }

    /// <summary>Starts this program again.</summary>
    /// <param name="surroundings">Says how.</param>
    /// <param name="arguments">For it; the flag that makes it end with its input is added.</param>
    /// <param name="output">Takes the lines of its standard output.</param>
    /// <param name="error">Takes the lines of its standard error.</param>
    public static ChildProcess Start(Surroundings surroundings, IEnumerable<string> arguments, Action<string> output, Action<string> error)
    {
        var start = new ProcessStartInfo(surroundings.Self[0])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = surroundings.WorkingDirectory,
        };
        foreach (var argument in (IEnumerable<string>)[.. surroundings.Self.Skip(1), .. arguments, Options.CommonOptions.EndWithInput.Name])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var variable in surroundings.Withheld)
        {
            start.Environment.Remove(variable);
        }

        return new ChildProcess(Process.Start(start)!, surroundings.Time, output, error);
    }

    /// <summary>Asks it to end, by closing its input.</summary>
    public void CloseInput() => _process.StandardInput.Close();

    /// <summary>Asks a worker to leave in order, by a line on its input: it finishes what it does, and says goodbye.</summary>
    public void AskToLeave() => Send("leave");

    /// <summary>Writes a line on its input; one that has ended takes none.</summary>
    public void Send(string line)
    {
        try
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // It has ended already.
        }
    }

    /// <summary>Makes sure that it has ended: waits a little, then asks, then kills it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!await HasEndedAsync().ConfigureAwait(false))
        {
            CloseInput();
            if (!await HasEndedAsync().ConfigureAwait(false))
            {
                _process.Kill();
                await Exited.ConfigureAwait(false);
            }
        }

        _process.Dispose();
    }

    private static async Task CopyLines(StreamReader from, Action<string> to)
    {
        while (await from.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            to(line);
        }
    }

    private async Task<bool> HasEndedAsync()
    {
        using var enough = new CancellationTokenSource();
        var first = await Task.WhenAny(Exited, Task.Delay(Grace, _time, enough.Token)).ConfigureAwait(false);
        await enough.CancelAsync().ConfigureAwait(false);
        return first == Exited;
    }

    private async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync().ConfigureAwait(false);
        await _copying.ConfigureAwait(false);
        return _process.ExitCode;
    }
}
