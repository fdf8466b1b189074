using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DistTrain.Cluster.Tests;

/// <summary>A real process, mostly a worker. Disposing kills it, by its id, whatever state it is in.</summary>
internal sealed partial class WorkerProcess : IAsyncDisposable
{
    public const int SigContinue = 18;
    public const int SigStop = 19;
    public const int SigTerm = 15;

    private readonly Process _process;
    private readonly List<string> _log = [];
    private readonly List<(string Text, int Times, TaskCompletionSource Said)> _awaited = [];

    private WorkerProcess(Process process)
    {
        _process = process;
        Id = process.Id;
    }

    public int Id { get; }

    public string LogText
    {
        get
        {
            lock (_log)
            {
                return string.Join('\n', _log);
            }
        }
    }

    public static WorkerProcess Start(string coordinator, string cacheDirectory, IReadOnlyDictionary<string, string> environment, params string[] more)
    {
        return StartProgram("disttrain-worker", environment, ["--coordinator", coordinator, "--cache", cacheDirectory, .. more]);
    }

    /// <summary>Starts a program beside the tests; what it prints on either stream is its log.</summary>
    public static WorkerProcess StartProgram(string program, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, program))
        {
            RedirectStandardError = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var worker = new WorkerProcess(Process.Start(start)!);
        worker._process.ErrorDataReceived += (_, line) => worker.Note(line.Data);
        worker._process.OutputDataReceived += (_, line) => worker.Note(line.Data);
        worker._process.BeginErrorReadLine();
        worker._process.BeginOutputReadLine();
        return worker;
    }

    /// <summary>kill -9</summary>
    public void Kill()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }
    }

    public void Signal(int signal)
    {
        if (kill(Id, signal) != 0)
        {
            throw new Win32Exception();
        }
    }

    /// <summary>Completes when so many lines of its log contain the text.</summary>
    public Task SaysAsync(string text, int times = 1)
    {
        var said = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_log)
        {
            _awaited.Add((text, times, said));
            if (Count(text) >= times)
            {
                said.TrySetResult();
            }
        }

        return said.Task.WaitAsync(TestCluster.Patience);
    }

    public void CloseStandardInput() => _process.StandardInput.Close();

    public async Task<int> ExitAsync(TimeSpan within)
    {
        using var deadline = new CancellationTokenSource(within);
        await _process.WaitForExitAsync(deadline.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private int Count(string text) => _log.Count(line => line.Contains(text, StringComparison.Ordinal));

    private void Note(string? line)
    {
        lock (_log)
        {
            _log.Add(line ?? "");
            foreach (var (text, times, said) in _awaited)
            {
                if (Count(text) >= times)
                {
                    said.TrySetResult();
                }
            }
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int process, int signal);
}
