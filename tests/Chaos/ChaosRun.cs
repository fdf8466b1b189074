using System.Diagnostics;

namespace DistTrain.Chaos;

/// <summary>Runs rows, one after the other, and prints the table.</summary>
internal static class ChaosRun
{
    /// <summary>Runs what the command line says.</summary>
    /// <returns>0 if no row failed, else 1; 2 for a row that there is not.</returns>
    public static async Task<int> RunAsync(ChaosOptions options)
    {
        var rows = Select(options);
        if (options.List)
        {
            foreach (var row in rows)
            {
                Console.WriteLine($"{row.Id,-5} {(row.IsFast ? "fast" : "full")}  {row.Fault}");
            }

            return 0;
        }

        var directory = Directory.CreateTempSubdirectory("disttrain-chaos-");
        try
        {
            return await RunAsync(rows, options, directory.FullName);
        }
        finally
        {
            if (options.Keep)
            {
                Console.WriteLine($"The run directories are in {directory.FullName}");
            }
            else
            {
                directory.Delete(recursive: true);
            }
        }
    }

    private static async Task<int> RunAsync(IReadOnlyList<Row> rows, ChaosOptions options, string directory)
    {
        Console.WriteLine($"seed {options.Seed}, {BaseRun.Dataset} digits, {Environment.ProcessorCount} cores");
        Console.WriteLine($"{"row",-5} {"fault",-44} {"injected",8} {"stall",8} {"took",7}  result");
        var calm = new CalmRuns(directory);
        var counts = new int[3];
        for (var i = 0; i < Math.Max(options.Repeat, options.Schedules); i++)
        {
            foreach (var row in rows)
            {
                var path = Directory.CreateDirectory(Path.Combine(directory, FormattableString.Invariant($"{row.Id.TrimEnd('*')}-{i}"))).FullName;
                counts[(int)await RunAsync(row, new RowContext(calm, path, options.Seed + i))]++;
            }
        }

        foreach (var measured in (Measurements[])[Schedule.Noticed, Schedule.Reissue, Schedule.HangFound, Schedule.HangReissue])
        {
            if (options.Schedules > 0)
            {
                Console.WriteLine(measured);
            }
        }

        Console.WriteLine($"{counts[(int)RowResult.Passed]} passed, {counts[(int)RowResult.Failed]} failed, {counts[(int)RowResult.NotRun]} not run");
        return counts[(int)RowResult.Failed] == 0 ? 0 : 1;
    }

    private static async Task<RowResult> RunAsync(Row row, RowContext context)
    {
        var began = Stopwatch.GetTimestamp();
        var (result, text) = (RowResult.Passed, "passed");
        try
        {
            await row.RunAsync(context);
        }
        catch (RowNotRunException e)
        {
            (result, text) = (RowResult.NotRun, $"not run: {e.Message}");
        }
#pragma warning disable CA1031 // Whatever a row throws is its result; the others still run.
        catch (Exception e)
#pragma warning restore CA1031
        {
            (result, text) = (RowResult.Failed, $"FAILED: {(e is RowFailedException ? e.Message : e.ToString())}");
        }

        var orphans = ChaosProcess.Orphans();
        foreach (var orphan in orphans)
        {
            ChaosProcess.KillOrphan(orphan);
            (result, text) = (RowResult.Failed, $"{text}; O5: process {orphan} was left behind");
        }

        Console.WriteLine(FormattableString.Invariant(
            $"{row.Id,-5} {row.Fault,-44} {context.Injected,8} {context.Stall.TotalSeconds,6:0.00} s {Stopwatch.GetElapsedTime(began).TotalSeconds,5:0.0} s  {text}"));
        foreach (var note in context.Notes)
        {
            Console.WriteLine($"{"",6}{note}");
        }

        return result;
    }

    /// <exception cref="FormatException">A row is named that there is not.</exception>
    private static IReadOnlyList<Row> Select(ChaosOptions options)
    {
        if (options.Schedules > 0)
        {
            return [new Row("P*", "random schedule", IsFast: false, Schedule.RunAsync)];
        }

        if (options.SoakSeconds > 0)
        {
            var soak = new Soak(options.SoakSeconds, options.MeanKillSeconds, options.CoordinatorShare, options.Goodput);
            return [new Row("P14", "soak", IsFast: false, soak.RunAsync)];
        }

        foreach (var id in options.Rows.Where(id => RowCatalog.All.All(row => row.Id != id)))
        {
            throw new FormatException($"There is no row {id}; --list names them.");
        }

        return [.. RowCatalog.All.Where(row => options.Rows.Count > 0 ? options.Rows.Contains(row.Id) : options.IsFull || options.List || row.IsFast)];
    }
}
