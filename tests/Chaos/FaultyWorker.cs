using System.Globalization;
using DistTrain.Cli.Data;
using DistTrain.Cli.Runs;
using DistTrain.Worker;

namespace DistTrain.Chaos;

/// <summary>This program as a worker with a fault, which the shipped program cannot have. Each time the fault happens is a line on standard output.</summary>
internal static class FaultyWorker
{
    /// <summary>The hidden sub-command: <c>as-worker ADDRESS FAULT [VALUE…]</c>.</summary>
    public const string Command = "as-worker";

    /// <summary>Works until the run ends.</summary>
    /// <returns>The worker's exit code.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        var (address, fault) = (arguments[0], arguments.Skip(1).ToArray());
        var datasets = new LocalDatasets(Environment.GetEnvironmentVariable, Console.Error.WriteLine);
        var options = new WorkerOptions { Coordinator = address, FindDataset = wanted => datasets.Find(wanted, null) };
        options = fault[0] switch
        {
            "none" => options,
            _ => throw new FormatException($"There is no fault {fault[0]}."),
        };
        using var log = RunLog.Open(path: null, Console.Error.WriteLine, Serilog.Events.LogEventLevel.Information);
        using var loggers = log.CreateFactory();
        return (await WorkerRole.RunAsync(options, loggers)).ExitCode;
    }

    /// <summary>Tells that the fault has happened.</summary>
    public static void Fired(string what) => Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"fired {what}"));
}
