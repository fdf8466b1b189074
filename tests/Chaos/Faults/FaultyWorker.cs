using System.Globalization;
using DistTrain.Cli.Data;
using DistTrain.Cli.Runs;
using DistTrain.Worker;

namespace DistTrain.Chaos.Faults;

/// <summary>This program as a worker with a fault, which the shipped program cannot have. Each time the fault happens is a line on standard output.</summary>
internal static class FaultyWorker
{
    /// <summary>The hidden sub-command: <c>as-worker ADDRESS FAULT [VALUE…]</c>.</summary>
    public const string Command = "as-worker";

    /// <summary>How a line about a fault begins.</summary>
    public const string FiredPrefix = "fired ";

    /// <summary>Works until the run ends.</summary>
    /// <returns>The worker's exit code.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        var (address, fault) = (arguments[0], arguments.Skip(1).ToArray());
        var datasets = new LocalDatasets(Environment.GetEnvironmentVariable, Console.Error.WriteLine);
        var options = new WorkerOptions { Coordinator = address, FindDataset = wanted => datasets.Find(wanted, null) };
        using var log = RunLog.Open(path: null, Console.Error.WriteLine, Serilog.Events.LogEventLevel.Information);
        using var loggers = log.CreateFactory();
        if (fault is ["flap", var times, var seconds])
        {
            return await FlapAsync(options, loggers, (int)Number(times), TimeSpan.FromSeconds(Number(seconds)));
        }

        if (fault is ["flock", var count])
        {
            var outcomes = await Task.WhenAll(Enumerable.Range(0, (int)Number(count)).Select(_ => WorkerRole.RunAsync(options, loggers)));
            return outcomes.Max(outcome => outcome.ExitCode);
        }

        return (await WorkerRole.RunAsync(With(options, fault), loggers)).ExitCode;
    }

    /// <summary>Tells that the fault has happened.</summary>
    public static void Fired(string what) => Console.Out.WriteLine(FiredPrefix + what);

    private static WorkerOptions With(WorkerOptions options, string[] fault) => fault switch
    {
        ["dies-uploading", var bytes] => options with { Interceptor = new DiesUploading((int)Number(bytes)) },
        ["dies-counted"] => options with { Interceptor = new DiesCounted() },
        ["dies-of-lease", var step] => options with { Interceptor = new DiesOfLease(null, (ulong)Number(step)) },
        ["dies-of-shard", var shard, var step] => options with { Interceptor = new DiesOfLease((uint)Number(shard), (ulong)Number(step)) },
        ["swallows-leases", var step] => options with { Interceptor = new SwallowsLeases((ulong)Number(step)) },
        ["flips-welcome"] => options with { Interceptor = new FlipsWelcome() },
        ["unreliable", var seed, var rate, var losses] => options with
        {
            Interceptor = new UnreliableMessages(new Random((int)Number(seed)), Number(rate), (int)Number(losses)),
        },
        ["lies", var kind, var seed, var rate, var step, var times] => options with
        {
            Tamper = Lies.Of(kind, new Random((int)Number(seed)), Number(rate), (long)Number(step), (int)Number(times)),
        },
        ["wrong-answer"] => options with { KnownAnswer = new byte[16] },
        _ => throw new FormatException($"There is no fault {string.Join(' ', fault)}."),
    };

    /// <summary>P8: joins and leaves again and again.</summary>
    private static async Task<int> FlapAsync(WorkerOptions options, Microsoft.Extensions.Logging.ILoggerFactory loggers, int times, TimeSpan period)
    {
        for (var i = 0; i < times; i++)
        {
            using var stop = new CancellationTokenSource(period);
            var outcome = await WorkerRole.RunAsync(options, loggers, stop: stop.Token);
            Fired($"left: {outcome.Reason}");
        }

        return 0;
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
