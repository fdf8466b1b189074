using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DistTrain.Chaos;

/// <summary>A process that this program started. Whatever happens, it is ended by its id: by disposing, or by <see cref="KillAll"/>.</summary>
internal sealed partial class ChaosProcess : IAsyncDisposable
{
    public const int SigTerm = 15;
    public const int SigContinue = 18;
    public const int SigStop = 19;

    /// <summary>Set in every process started here, and so in those that these start: <see cref="Orphans"/> finds them by it.</summary>
    public const string Mark = "DISTTRAIN_CHAOS";

    private const int ErrorLinesKept = 400;

    private static readonly ConcurrentDictionary<int, ChaosProcess> Living = [];

    private readonly Process _process;
    private readonly Queue<string> _errors = new();
    private readonly List<(string Text, TaskCompletionSource Said)> _awaited = [];
    private readonly Task _copying;
    private bool _isDisposed;

    private ChaosProcess(Process process, string name, Action<string> output)
    {
        (_process, Name, Id) = (process, name, process.Id);
        Living[Id] = this;
        _copying = Task.WhenAll(CopyAsync(process.StandardOutput, output), CopyAsync(process.StandardError, KeepError));
        Exited = WaitAsync();
    }

    /// <summary>The system's number for it.</summary>
    public int Id { get; }

    /// <summary>For messages.</summary>
    public string Name { get; }

    /// <summary>Its exit code (128 + signal if one ended it), once all it wrote has been taken.</summary>
    public Task<int> Exited { get; }

    /// <summary>A signal that ends it was sent from here: its exit code says nothing.</summary>
    public bool WasKilled { get; private set; }

    /// <summary>It ends by a fault of its own: its exit code says nothing.</summary>
    public bool IsDoomed { get; init; }

    /// <summary>The last lines of its standard error.</summary>
    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return string.Join('\n', _errors);
            }
        }
    }

    /// <summary>Starts a program.</summary>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="name">For messages.</param>
    /// <param name="environment">Set beside this process's own.</param>
    /// <param name="output">Takes the lines of its standard output.</param>
    /// <param name="isDoomed">See <see cref="IsDoomed"/>.</param>
    public static ChaosProcess Start(
        IReadOnlyList<string> command, string name, IReadOnlyDictionary<string, string> environment, Action<string>? output = null, bool isDoomed = false)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (variable, value) in environment)
        {
            start.Environment[variable] = value;
        }

        start.Environment[Mark] = MarkValue;
        return new ChaosProcess(Process.Start(start)!, name, output ?? (_ => { })) { IsDoomed = isDoomed };
    }

    /// <summary>Ends whatever this program has started and is still there.</summary>
    public static void KillAll()
    {
        foreach (var process in Living.Values)
        {
            process.Kill();
        }
    }

    /// <summary>Processes that descend from this program, are known to nobody here, and live.</summary>
    public static IReadOnlyList<int> Orphans()
    {
        if (!OperatingSystem.IsLinux())
        {
            return [];
        }

        var mark = $"{Mark}={MarkValue}";
        return
        [
            .. Directory.EnumerateDirectories("/proc")
                .Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0)
                .Where(id => id > 0 && id != Environment.ProcessId && !Living.ContainsKey(id) && HasMark(id, mark)),
        ];
    }

    /// <summary>Ends an orphan.</summary>
    public static void KillOrphan(int id) => _ = kill(id, 9);

    /// <summary>kill -9</summary>
    public void Kill()
    {
        WasKilled = true;
        if (!_process.HasExited)
        {
            _process.Kill();
        }
    }

    /// <summary>Sends a signal.</summary>
    public void Signal(int signal)
    {
        if (kill(Id, signal) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"kill -{signal} {Name} ({Id}): {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>Completes when a line of its standard error contains the text.</summary>
    public async Task SaysAsync(string text, TimeSpan within)
    {
        var said = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_errors)
        {
            if (_errors.Any(line => line.Contains(text, StringComparison.Ordinal)))
            {
                return;
            }

            _awaited.Add((text, said));
        }

        if (await Task.WhenAny(said.Task, Task.Delay(within), Exited) != said.Task && !said.Task.IsCompleted)
        {
            throw new RowFailedException($"{Name} ({Id}) has not said '{text}'\n{Errors}");
        }
    }

    /// <summary>Its exit code.</summary>
    /// <exception cref="RowFailedException">It has not ended in time.</exception>
    public async Task<int> ExitAsync(TimeSpan within)
    {
        try
        {
            return await Exited.WaitAsync(within);
        }
        catch (TimeoutException)
        {
            throw new RowFailedException($"{Name} ({Id}) has not ended within {within.TotalSeconds:0.#} s\n{Errors}");
        }
    }

    /// <summary>Kills it if it lives.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        Kill();
        await Exited;
        _process.Dispose();
    }

    private static string MarkValue => Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static bool HasMark(int id, string mark)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/environ").Split('\0').Contains(mark) && !File.ReadAllText($"/proc/{id}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone meanwhile, or another user's.
            return false;
        }
    }

    private static async Task CopyAsync(StreamReader from, Action<string> to)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            to(line);
        }
    }

    private void KeepError(string line)
    {
        lock (_errors)
        {
            _errors.Enqueue(line);
            if (_errors.Count > ErrorLinesKept)
            {
                _errors.Dequeue();
            }

            foreach (var (text, said) in _awaited)
            {
                if (line.Contains(text, StringComparison.Ordinal))
                {
                    said.TrySetResult();
                }
            }
        }
    }

    private async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync();
        Living.TryRemove(Id, out _);
        await _copying;
        return _process.ExitCode;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int process, int signal);
}
