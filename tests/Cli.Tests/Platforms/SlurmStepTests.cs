using DistTrain.Cli.Platforms;
using DistTrain.Core;

namespace DistTrain.Cli.Tests.Platforms;

public sealed class SlurmStepTests
{
    /// <summary>Outside of srun, in the script of sbatch, alone in a step, and in the shell that salloc opens in one.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("SLURM_NTASKS=4 SLURM_PROCID=0 SLURM_JOB_ID=7 SLURM_JOB_NODELIST=n[1-4]")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_NTASKS=1 SLURM_STEP_NUM_TASKS=1")]
    [InlineData("SLURM_STEP_ID=4294967290 SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=1")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=0")]
    [InlineData("SLURM_STEP_ID= SLURM_PROCID= SLURM_NTASKS=4")]
    public void Find_NotOneOfSeveralTasks_IsNothing(string variables) => Assert.Null(SlurmStep.Find(Of(variables)));

    [Theory]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=2 SLURM_NTASKS=3", 2, 3, "SLURM_NTASKS")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_NTASKS=8 SLURM_STEP_NUM_TASKS=2", 0, 2, "SLURM_STEP_NUM_TASKS")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=1 SLURM_NPROCS=2", 1, 2, "SLURM_NPROCS")]
    public void Find_ATask_IsWhichOfHowMany(string variables, int rank, int count, string counter)
    {
        var step = SlurmStep.Find(Of(variables));

        Assert.Equal((rank, count, counter), (step!.Rank, step.TaskCount, step.CountVariable));
    }

    [Theory]
    [InlineData("SLURM_PROCID=1 SLURM_NTASKS=3", "SLURM_PROCID is 1, but SLURM_STEP_ID is missing")]
    [InlineData("SLURM_STEP_ID=0 SLURM_NTASKS=3", "SLURM_PROCID, which of them, is missing")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=x SLURM_NTASKS=3", "SLURM_PROCID is 'x'")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=-1 SLURM_NTASKS=3", "SLURM_PROCID is '-1'")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=3 SLURM_NTASKS=3", "SLURM_PROCID is 3, but SLURM_NTASKS is 3")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_NTASKS=many", "SLURM_NTASKS is 'many'")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_NTASKS=0", "SLURM_NTASKS is '0'")]
    public void Find_VariablesThatCannotBe_SaysWhich(string variables, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidInputException>(() => SlurmStep.Find(Of(variables))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("SLURM_STEP_NODELIST=n[2-3] SLURM_JOB_NODELIST=n[1-4]", "n2 n3", "SLURM_STEP_NODELIST")]
    [InlineData("SLURM_JOB_NODELIST=n[1-2] SLURM_NODELIST=x", "n1 n2", "SLURM_JOB_NODELIST")]
    [InlineData("SLURM_NODELIST=x", "x", "SLURM_NODELIST")]
    public void Nodes_AreThoseOfTheStep(string variables, string nodes, string place)
    {
        var step = SlurmStep.Find(Of("SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_NTASKS=2 " + variables))!;

        Assert.Equal((nodes, place), (string.Join(' ', step.Nodes()), step.NodesVariable));
    }

    [Theory]
    [InlineData("0", "0", 20000)]
    [InlineData("77", "0", 20077)]
    [InlineData("77", "1", 21077)]
    [InlineData("9999", "0", 29999)]
    [InlineData("10000", "0", 20000)]
    [InlineData("4294967295", "4294967295", 22295)]
    public void Port_FollowsFromJobAndStep(string job, string step, int port) =>
        Assert.Equal(port, SlurmStep.Find(Of($"SLURM_STEP_ID={step} SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_JOB_ID={job}"))!.Port());

    [Theory]
    [InlineData("0", "", "SLURM_JOB_ID, the job's number, is missing")]
    [InlineData("0", "SLURM_JOB_ID=1_2", "SLURM_JOB_ID is '1_2'")]
    [InlineData("0", "SLURM_JOBID=4294967296", "SLURM_JOBID is '4294967296'")]
    [InlineData("batch", "SLURM_JOB_ID=1", "SLURM_STEP_ID is 'batch'")]
    public void Port_NoNumber_SaysWhich(string id, string variables, string message)
    {
        var step = SlurmStep.Find(Of($"SLURM_STEP_ID={id} SLURM_PROCID=0 SLURM_NTASKS=2 {variables}"))!;

        Assert.Contains(message, Assert.Throws<InvalidInputException>(() => step.Port()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nodes_Missing_SaysSo() => Assert.Contains(
        "SLURM_STEP_NODELIST, the nodes, is missing",
        Assert.Throws<InvalidInputException>(() => SlurmStep.Find(Of("SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_NTASKS=2"))!.Nodes()).Message,
        StringComparison.Ordinal);

    internal static Func<string, string?> Of(string variables)
    {
        var byName = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        return byName.GetValueOrDefault;
    }
}
