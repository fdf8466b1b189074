using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using DistTrain.Transport.Identity;

namespace DistTrain.Cli.Tests.Processes;

/// <summary>What <c>srun</c> does: the same command in several processes, each with its number in the environment. On the full synthetic digits.</summary>
public sealed class SlurmProcessTests : IDisposable
{
    private const int Tasks = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly CommandRun _command = new();

    public SlurmProcessTests() => _command.Surroundings = _command.Surroundings with { LoadDataset = null };

    public void Dispose() => _command.Dispose();

    /// <summary>A token in the environment is for runs on several nodes: on one node, in clear, it must not be in the way.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Train_InThreeTasks_IsOneRunOfThreeWorkersWithTheBitsOfOneProcess(bool hasToken)
    {
        string[] options = ["train", "--dataset", "synthetic", "--steps", "30", "--json"];
        Assert.Equal(0, await _command.RunAsync([.. options, "--out", "alone"]));
        var alone = Hash(_command.Output);
        if (hasToken)
        {
            _command.Variables["DISTTRAIN_TOKEN"] = JoinToken.Create().Reveal();
            _command.Variables["DISTTRAIN_CA_HASH"] = $"sha256:{new string('0', 64)}";
        }

        using var tasks = new StepOfTasks(_command, [.. options, "--out", "run"]);
        var ends = await tasks.EndAsync();

        Assert.All(ends, end => Assert.True(end.ExitCode == 0, end.Error));
        Assert.Equal(alone, Hash(ends[0].Output));
        Assert.Equal(Tasks, JsonDocument.Parse(ends[0].Output.TrimEnd().Split('\n')[^1]).RootElement.GetProperty("workers").GetInt32());
        // Each of the tasks, by one process: task 0 by the one that it started.
        var joined = ends[0].Output.Split('\n').Where(line => line.Contains("\"what\":\"joined\"", StringComparison.Ordinal)).ToList();
        Assert.All(ends.Skip(1), end => Assert.Contains(joined, line => line.Contains($"pid {end.ProcessId} ", StringComparison.Ordinal)));
        Assert.DoesNotContain(joined, line => line.Contains($"pid {ends[0].ProcessId} ", StringComparison.Ordinal));
        Assert.All(ends.Skip(1), end => Assert.Empty(end.Output));
    }

    /// <summary>Two nodes, as far as the tasks are told: task 0 listens on all addresses, and everybody shows a certificate.</summary>
    [Fact]
    public async Task Train_OnSeveralNodes_ShowsCertificatesAndGivesTheBitsOfOneProcess()
    {
        string[] options = ["train", "--dataset", "synthetic", "--steps", "30", "--json"];
        Assert.Equal(0, await _command.RunAsync([.. options, "--out", "alone"]));
        var alone = Hash(_command.Output);
        Assert.Equal(0, await _command.RunAsync("token", "create", "--json", "--identity", "identity", "--valid", "1h"));
        _command.Variables["DISTTRAIN_IDENTITY"] = _command.File("identity");
        _command.Variables["DISTTRAIN_TOKEN"] = _command.Last.GetProperty("token").GetString()!;
        _command.Variables["DISTTRAIN_CA_HASH"] = _command.Last.GetProperty("caHash").GetString()!;
        _command.Variables["SLURM_STEP_NODELIST"] = "localhost,node02";

        using var tasks = new StepOfTasks(_command, [.. options, "--out", "run"]);
        var ends = await tasks.EndAsync();

        Assert.All(ends, end => Assert.True(end.ExitCode == 0, end.Error));
        Assert.Equal(alone, Hash(ends[0].Output));
        Assert.Contains("\"address\":\"0.0.0.0:", ends[0].Output, StringComparison.Ordinal);
        // The secret stays where it was.
        Assert.All(ends, end => Assert.DoesNotContain(_command.Variables["DISTTRAIN_TOKEN"], end.Output + end.Error, StringComparison.Ordinal));
    }

    /// <summary>Signalled as Slurm does: every process of the step at once, the worker beside task 0 too, and again while they save.</summary>
    [Fact]
    public async Task Train_WarnedBySigUsr1_SavesAndExitsWith75()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "It has no such signal.");
        using var tasks = new StepOfTasks(_command, ["train", "--dataset", "synthetic", "--epochs", "100000", "--json", "--out", "run"]);
        await tasks.SaysAsync("\"event\":\"epoch\"");

        tasks.Signal("USR1");
        tasks.Signal("USR1");
        var ends = await tasks.EndAsync();

        Assert.All(ends.Skip(1), end => Assert.True(end.ExitCode == 0, end.Error));
        Assert.True(ends[0].ExitCode == ExitCode.Checkpointed, ends[0].Error);
        Assert.Contains("\"event\":\"stopped\"", ends[0].Output, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetDirectories(_command.File("run/checkpoints"), "step-*"));
    }

    private static string Hash(string output) => JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]).RootElement.GetProperty("parametersSha256").GetString()!;

    /// <summary>How a task ended.</summary>
    private sealed record End(int ProcessId, int ExitCode, string Output, string Error);

    /// <summary>The processes of a step on one node; those that are left end with it.</summary>
    private sealed class StepOfTasks : IDisposable
    {
        private static int _steps;
        private readonly List<(Process Process, StringBuilder Output, StringBuilder Error)> _tasks = [];
        private readonly List<(string Text, TaskCompletionSource Said)> _awaited = [];

        public StepOfTasks(CommandRun command, string[] arguments)
        {
            // Ports follow from job and step: of this process, and another one for each test.
            var step = Interlocked.Increment(ref _steps);
            for (var rank = 0; rank < Tasks; rank++)
            {
                var start = new ProcessStartInfo("dotnet", [typeof(DistTrainCommand).Assembly.Location, .. arguments])
                {
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                    WorkingDirectory = command.Directory,
                    Environment =
                    {
                        ["XDG_CACHE_HOME"] = Cache.Path,
                        ["SLURM_JOB_ID"] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
                        ["SLURM_STEP_ID"] = step.ToString(CultureInfo.InvariantCulture),
                        ["SLURM_STEP_NUM_TASKS"] = Tasks.ToString(CultureInfo.InvariantCulture),
                        ["SLURM_STEP_NODELIST"] = "node01",
                        ["SLURM_PROCID"] = rank.ToString(CultureInfo.InvariantCulture),
                    },
                };
                foreach (var (name, value) in command.Variables)
                {
                    start.Environment[name] = value;
                }

                var task = (Process: Process.Start(start)!, Output: new StringBuilder(), Error: new StringBuilder());
                task.Process.OutputDataReceived += (_, line) => Take(task.Output, line.Data);
                task.Process.ErrorDataReceived += (_, line) => Take(task.Error, line.Data);
                task.Process.BeginOutputReadLine();
                task.Process.BeginErrorReadLine();
                _tasks.Add(task);
            }
        }

        /// <summary>Completes when one of them prints a line with the text.</summary>
        public Task SaysAsync(string text)
        {
            var said = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (_awaited)
            {
                _awaited.Add((text, said));
                if (_tasks.Exists(task => task.Output.ToString().Contains(text, StringComparison.Ordinal)))
                {
                    said.TrySetResult();
                }
            }

            return said.Task.WaitAsync(Patience, TestContext.Current.CancellationToken);
        }

        /// <summary>To every process of the step: the tasks, and the worker that task 0 started, which it tells of.</summary>
        public void Signal(string name)
        {
            string told;
            lock (_awaited)
            {
                told = _tasks[0].Output.ToString();
            }

            var joined = told.Split('\n').Where(line => line.Contains("\"what\":\"joined\"", StringComparison.Ordinal))
                .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("processId").GetInt32());
            var processes = _tasks.Select(task => task.Process.Id).Union(joined).ToList();
            Assert.Equal(Tasks + 1, processes.Count);
            using var kill = Process.Start("kill", ["-s", name, .. processes.Select(id => id.ToString(CultureInfo.InvariantCulture))]);
            kill.WaitForExit();
        }

        public async Task<IReadOnlyList<End>> EndAsync()
        {
            await Task.WhenAll(_tasks.Select(task => task.Process.WaitForExitAsync(TestContext.Current.CancellationToken))).WaitAsync(Patience, TestContext.Current.CancellationToken);
            return [.. _tasks.Select(task => new End(task.Process.Id, task.Process.ExitCode, task.Output.ToString(), task.Error.ToString()))];
        }

        public void Dispose()
        {
            foreach (var (process, _, _) in _tasks)
            {
                if (!process.HasExited)
                {
                    process.Kill();
                    process.WaitForExit();
                }

                process.Dispose();
            }
        }

        private void Take(StringBuilder text, string? line)
        {
            if (line is null)
            {
                return;
            }

            lock (_awaited)
            {
                text.Append(line).Append('\n');
                _awaited.FindAll(waiting => line.Contains(waiting.Text, StringComparison.Ordinal)).ForEach(waiting => waiting.Said.TrySetResult());
            }
        }
    }
}
