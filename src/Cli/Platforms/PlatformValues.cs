using DistTrain.Cli.Options;
using DistTrain.Core;

namespace DistTrain.Cli.Platforms;

/// <summary>What Slurm and Kubernetes say about a process that they started, as values of options: stronger than a configuration file, weaker than all that a user says.</summary>
public static class PlatformValues
{
    private const string IndexVariable = "JOB_COMPLETION_INDEX";

    /// <summary>The value of an option, and the variable that it comes from; null if the platform says nothing about it.</summary>
    /// <exception cref="InvalidInputException">A variable is missing or says nothing that it could.</exception>
    public static (string Text, string Place)? Find(Setting setting, Func<string, string?> variable) =>
        setting == CommonOptions.Threads ? OfVariable(SlurmStep.CpusVariable, variable)
        : setting == CommonOptions.Workers ? SlurmStep.Find(variable) is { } step ? (FormattableString.Invariant($"{step.TaskCount}"), step.CountVariable) : null
        : setting == CommonOptions.WorkerName ? FindName(variable)
        : null;

    /// <summary>The name of a worker by its number, which is the same when it starts again.</summary>
    private static (string Text, string Place)? FindName(Func<string, string?> variable)
    {
        if (SlurmStep.Find(variable, CommonOptions.WorkerName) is { } step)
        {
            return (FormattableString.Invariant($"worker-{step.Rank}"), SlurmStep.RankVariable);
        }

        if (OfVariable(IndexVariable, variable) is not var (index, _))
        {
            return null;
        }

        return index.All(char.IsAsciiDigit) && int.TryParse(index, out _)
            ? ($"worker-{index}", IndexVariable)
            : throw new InvalidInputException($"{IndexVariable} is '{index}'; it must be a whole number of at least 0, as Kubernetes sets it for a job that is indexed. Unset it, or give --name.");
    }

    /// <summary>An empty variable counts as not set.</summary>
    private static (string Text, string Place)? OfVariable(string name, Func<string, string?> variable) =>
        variable(name) is { Length: > 0 } text ? (text, name) : null;
}
