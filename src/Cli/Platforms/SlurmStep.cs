using System.Globalization;
using DistTrain.Cli.Options;
using DistTrain.Core;

namespace DistTrain.Cli.Platforms;

/// <summary>
/// This process as one of several tasks that <c>srun</c> started, as its environment tells. A batch script is none, although <c>sbatch</c> gives it
/// SLURM_PROCID 0 and the job's SLURM_NTASKS: only <c>srun</c> sets SLURM_STEP_ID.
/// </summary>
public sealed class SlurmStep
{
    /// <summary>CPUs of each task; absent unless somebody asked for a number of them.</summary>
    public const string CpusVariable = "SLURM_CPUS_PER_TASK";

    /// <summary>The number of this task, from 0.</summary>
    public const string RankVariable = "SLURM_PROCID";

    private const string StepVariable = "SLURM_STEP_ID";

    /// <summary>Below the ports that systems give out for outgoing connections (Linux: from 32768), above those of system services.</summary>
    private const int FirstPort = 20000;
    private const int PortCount = 10000;

    /// <summary>So that two steps of one job are apart; jobs that run at one time rarely have numbers just so far apart.</summary>
    private const int PortsBetweenSteps = 1000;

    private static readonly string[] CountVariables = ["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_NPROCS"];
    private static readonly string[] NodeVariables = ["SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST"];
    private static readonly string[] JobVariables = ["SLURM_JOB_ID", "SLURM_JOBID"];

    private readonly Func<string, string?> _variable;

    private SlurmStep(Func<string, string?> variable, int rank, int taskCount, string countVariable)
    {
        _variable = variable;
        (Rank, TaskCount, CountVariable) = (rank, taskCount, countVariable);
    }

    /// <summary>From 0.</summary>
    public int Rank { get; }

    /// <summary>Of the step; at least 2.</summary>
    public int TaskCount { get; }

    /// <summary>The variable that said <see cref="TaskCount"/>.</summary>
    public string CountVariable { get; }

    /// <summary>The task that this process is; null outside a step, or if it is the step's only one.</summary>
    /// <param name="variable">The environment.</param>
    /// <param name="option">What does without it, for messages; null: <c>--workers</c>.</param>
    /// <exception cref="InvalidInputException">A variable is missing or says nothing that it could.</exception>
    public static SlurmStep? Find(Func<string, string?> variable, Setting? option = null)
    {
        var instead = (option ?? CommonOptions.Workers).Name;
        var rank = Text(variable, RankVariable);
        if (Text(variable, StepVariable) is null)
        {
            return rank is null or "0" ? null : throw new InvalidInputException(
                $"{RankVariable} is {rank}, but {StepVariable} is missing: srun sets both. Start the tasks with srun, or give {instead}.");
        }

        if (CountVariables.FirstOrDefault(name => Text(variable, name) is not null) is not { } counter || Number(variable, counter, 1) is not (> 1 and var count))
        {
            return null;
        }

        if (rank is null)
        {
            throw new InvalidInputException(
                FormattableString.Invariant($"{StepVariable} and {counter} say that this is one of {count} tasks of Slurm, but {RankVariable}, which of them, is missing. Start the tasks with srun, or give {instead}."));
        }

        var number = Number(variable, RankVariable, 0);
        return number < count ? new SlurmStep(variable, number, count, counter) : throw new InvalidInputException(
            FormattableString.Invariant($"{RankVariable} is {number}, but {counter} is {count}: tasks are counted from 0. Start them with srun, or give {instead}."));
    }

    /// <summary>The step's nodes; task 0 is on the first.</summary>
    /// <exception cref="InvalidInputException">The list is missing or none.</exception>
    public IReadOnlyList<string> Nodes() => NodeList.Expand(Required(NodeVariables, "the nodes"), NodesVariable);

    /// <summary>The variable that lists <see cref="Nodes"/>.</summary>
    public string NodesVariable => Given(NodeVariables) ?? NodeVariables[0];

    /// <summary>The variable that <see cref="Port"/> follows from.</summary>
    public string JobVariable => Given(JobVariables) ?? JobVariables[0];

    /// <summary>Where the run of this step listens unless somebody says so: 20000 + (job + 1000 · step) mod 10000. Every task finds the same.</summary>
    /// <exception cref="InvalidInputException">The job's or the step's number is missing or none.</exception>
    public int Port()
    {
        _ = Required(JobVariables, "the job's number");
        var (job, step) = (LongNumber(_variable, JobVariable), LongNumber(_variable, StepVariable));
        return FirstPort + (int)((job + (PortsBetweenSteps * step)) % PortCount);
    }

    private string? Given(string[] names) => names.FirstOrDefault(name => Text(_variable, name) is not null);

    private string Required(string[] names, string what) => Given(names) is { } name ? Text(_variable, name)! : throw new InvalidInputException(
        FormattableString.Invariant($"This is task {Rank} of {TaskCount} of Slurm, but {names[0]}, {what}, is missing. Start the tasks with srun, or give --workers."));

    /// <summary>An empty variable counts as not set.</summary>
    private static string? Text(Func<string, string?> variable, string name) => variable(name) is { Length: > 0 } text ? text : null;

    private static int Number(Func<string, string?> variable, string name, int minimum) =>
        int.TryParse(Text(variable, name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= minimum
            ? number
            : throw new InvalidInputException($"{name} is '{Text(variable, name)}'; it must be a whole number of at least {minimum}, as srun sets it.");

    private static long LongNumber(Func<string, string?> variable, string name) =>
        uint.TryParse(Text(variable, name), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new InvalidInputException($"{name} is '{Text(variable, name)}'; it must be a whole number from 0 to {uint.MaxValue}, as srun sets it.");
}
