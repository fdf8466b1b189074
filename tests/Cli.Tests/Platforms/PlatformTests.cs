using DistTrain.Cli.Options;
using DistTrain.Cli.Platforms;

namespace DistTrain.Cli.Tests.Platforms;

public sealed class PlatformTests : IDisposable
{
    private readonly CommandRun _command = new();

    public void Dispose() => _command.Dispose();

    [Theory]
    [InlineData("2", "3", "4", "5", 2)]
    [InlineData(null, "3", "4", "5", 3)]
    [InlineData(null, null, "4", "5", 4)]
    [InlineData(null, null, "", "5", 5)]
    [InlineData(null, null, null, null, 1)]
    public async Task Threads_FromSeveralPlaces_TakesTheStrongest(string? commandLine, string? environment, string? platform, string? file, int expected)
    {
        _command.Write("config.json", file is null ? "{}" : $$"""{ "threads": {{file}} }""");
        Set("DISTTRAIN_THREADS", environment);
        Set("SLURM_CPUS_PER_TASK", platform);

        Assert.Equal(0, await _command.TrainAsync(["--config", "config.json", "--steps", "1", .. commandLine is null ? [] : new[] { "--threads", commandLine }]));

        Assert.Equal(expected, _command.Last.GetProperty("threads").GetInt32());
    }

    [Theory]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=3 SLURM_NTASKS=4", "worker-3", "SLURM_PROCID")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=3 SLURM_NTASKS=4 JOB_COMPLETION_INDEX=9", "worker-3", "SLURM_PROCID")]
    [InlineData("JOB_COMPLETION_INDEX=0", "worker-0", "JOB_COMPLETION_INDEX")]
    [InlineData("SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_JOB_ID=7", null, null)]
    [InlineData("JOB_COMPLETION_INDEX=", null, null)]
    [InlineData("", null, null)]
    public void Name_OfAWorker_IsItsNumber(string variables, string? name, string? place)
    {
        var found = PlatformValues.Find(CommonOptions.WorkerName, SlurmStepTests.Of(variables));

        Assert.Equal((name, place), (found?.Text, found?.Place));
    }

    [Theory]
    [InlineData("train", "SLURM_CPUS_PER_TASK=all", "SLURM_CPUS_PER_TASK is 'all'; it must be a whole number from 1 to 1024.")]
    [InlineData("train", "SLURM_CPUS_PER_TASK=0", "SLURM_CPUS_PER_TASK is '0'")]
    [InlineData("train", "SLURM_STEP_ID=0 SLURM_NTASKS=2", "SLURM_PROCID, which of them, is missing")]
    [InlineData("train", "SLURM_STEP_ID=0 SLURM_NTASKS=2 SLURM_PROCID=0", "SLURM_STEP_NODELIST, the nodes, is missing")]
    [InlineData("train", "SLURM_STEP_ID=0 SLURM_NTASKS=2 SLURM_PROCID=1 SLURM_JOB_NODELIST=n[1", "SLURM_JOB_NODELIST is 'n[1'")]
    [InlineData("train", "SLURM_STEP_ID=0 SLURM_NTASKS=2 SLURM_PROCID=1 SLURM_JOB_NODELIST=n", "SLURM_JOB_ID, the job's number, is missing")]
    [InlineData("train", "SLURM_STEP_ID=0 SLURM_NTASKS=2 SLURM_PROCID=1 SLURM_JOB_NODELIST=n[1-2] SLURM_JOB_ID=1", "DISTTRAIN_TOKEN and DISTTRAIN_CA_HASH are not set")]
    [InlineData("worker", "JOB_COMPLETION_INDEX=first", "JOB_COMPLETION_INDEX is 'first'")]
    [InlineData("worker", "JOB_COMPLETION_INDEX=-1", "JOB_COMPLETION_INDEX is '-1'")]
    [InlineData("worker", "SLURM_STEP_ID=0 SLURM_NTASKS=2", "Start the tasks with srun, or give --name.")]
    [InlineData("worker", "SLURM_PROCID=1", "Start the tasks with srun, or give --name.")]
    [InlineData("train", "SLURM_PROCID=1", "Start the tasks with srun, or give --workers.")]
    [InlineData("worker", "SLURM_CPUS_PER_TASK=1.5", "SLURM_CPUS_PER_TASK is '1.5'")]
    [InlineData("train --listen 127.0.0.1:1", "", "--listen goes with several tasks of Slurm")]
    [InlineData("train --insecure --workers 1", "SLURM_STEP_ID=0 SLURM_NTASKS=2 SLURM_PROCID=0", "--insecure goes with several tasks of Slurm")]
    public async Task Variables_MissingOrMalformed_OneLineAndExitCode2(string command, string variables, string message)
    {
        foreach (var pair in variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=')))
        {
            Set(pair[0], pair[1]);
        }

        Assert.Equal(2, await _command.RunAsync(command.Split(' ')));

        Assert.Contains(message, Assert.Single(_command.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_command.File("runs")));
    }

    /// <summary>Said on the command line, nothing of the platform is looked at.</summary>
    [Theory]
    [InlineData("train --workers 0 --threads 1", "SLURM_STEP_ID=0 SLURM_NTASKS=2 SLURM_CPUS_PER_TASK=x")]
    [InlineData("train", "SLURM_NTASKS=2 SLURM_PROCID=0 SLURM_JOB_NODELIST=n[1 SLURM_JOB_ID=x DISTTRAIN_LISTEN=0.0.0.0:0 DISTTRAIN_INSECURE=1")]
    public async Task Train_WorkersAreGivenOrInABatchScript_IsTheSameAsEver(string command, string variables)
    {
        foreach (var pair in variables.Split(' ').Select(pair => pair.Split('=')))
        {
            Set(pair[0], pair[1]);
        }

        Assert.Equal(0, await _command.RunAsync([.. command.Split(' '), "--steps", "1", "--out", "run", "--json"]));

        Assert.Equal(0, _command.Last.GetProperty("workers").GetInt32());
    }

    private void Set(string variable, string? value)
    {
        if (value is not null)
        {
            _command.Variables[variable] = value;
        }
    }
}
