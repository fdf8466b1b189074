using DistTrain.Core;

namespace DistTrain.Cli.Options;

/// <summary>How many workers a run wants, and how far it trusts them.</summary>
/// <param name="ToStart">The first step begins with so many.</param>
/// <param name="Minimum">A later step with so many.</param>
/// <param name="Maximum">More are refused.</param>
/// <param name="AuditShare">Of the work, that is done twice.</param>
/// <param name="SharesMemory">Whether workers on the coordinator's host may share its memory.</param>
public sealed record Membership(int ToStart, int Minimum, int Maximum, double AuditShare, bool SharesMemory)
{
    /// <summary>Two workers must compute a node to be compared.</summary>
    private const int WorkersForAudit = 2;

    /// <summary>Of a run that starts its own workers, or none.</summary>
    /// <exception cref="InvalidInputException">The options contradict each other.</exception>
    public static Membership OfTraining(SettingValues values)
    {
        var workers = values.Get(CommonOptions.Workers, 0);
        if (workers == 0)
        {
            foreach (var setting in (Setting[])[CommonOptions.MinimumWorkers, CommonOptions.MaximumWorkers])
            {
                // Others' files and environments may hold it: it does no harm.
                if (values.Origin(setting) == SettingOrigin.CommandLine)
                {
                    throw new InvalidInputException($"{setting.Name} goes with --workers 1 or more: this run computes in its own process.");
                }
            }
        }

        var audit = values.Get(CommonOptions.Audit, 0);
        if (audit > 0 && workers < WorkersForAudit)
        {
            throw new InvalidInputException(
                $"{values.Place(CommonOptions.Audit)} compares what two workers compute, but --workers is {workers}: give at least {WorkersForAudit} (3 to find out which of two is wrong), or leave it out.");
        }

        return workers == 0 ? new Membership(0, 1, 1, 0, SharesMemory: false) : Of(values, workers, audit);
    }

    /// <summary>Of a coordinator, whose workers come from elsewhere.</summary>
    /// <inheritdoc cref="OfTraining"/>
    public static Membership OfCoordinator(SettingValues values)
    {
        var audit = values.Get(CommonOptions.Audit, 0);
        var maximum = values.Get(CommonOptions.MaximumWorkers, CommonOptions.MostWorkers);
        if (audit > 0 && maximum < WorkersForAudit)
        {
            throw new InvalidInputException(
                $"{values.Place(CommonOptions.Audit)} compares what two workers compute, but {values.Place(CommonOptions.MaximumWorkers)} is {maximum}: allow at least {WorkersForAudit}, or leave it out.");
        }

        var needed = Math.Max(values.Get(CommonOptions.MinimumWorkers, 1), audit > 0 ? WorkersForAudit : 1);
        return Of(values, values.Get(CommonOptions.WorkersToStart, needed), audit);
    }

    private static Membership Of(SettingValues values, int workers, double audit)
    {
        var minimum = values.Get(CommonOptions.MinimumWorkers, 1);
        var maximum = values.Get(CommonOptions.MaximumWorkers, CommonOptions.MostWorkers);
        if (minimum > maximum)
        {
            throw new InvalidInputException(
                $"{values.Place(CommonOptions.MinimumWorkers)} is {minimum} and {values.Place(CommonOptions.MaximumWorkers)} {maximum}: no number of workers is allowed. The minimum must not exceed the maximum.");
        }

        if (minimum > workers)
        {
            throw new InvalidInputException(
                $"{values.Place(CommonOptions.MinimumWorkers)} is {minimum}, but the run begins with --workers {workers}: it would pause after its first step. Give at least as many workers.");
        }

        return workers > maximum
            ? throw new InvalidInputException($"--workers is {workers}, but {values.Place(CommonOptions.MaximumWorkers)} takes only {maximum}. Raise it, or begin with fewer.")
            : new Membership(workers, minimum, maximum, audit, CommonOptions.SharesMemory(values));
    }
}
