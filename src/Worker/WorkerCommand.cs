using System.CommandLine;
using System.Globalization;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Training;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Events;

namespace DistTrain.Worker;

/// <summary>The worker's command line, of <c>disttrain worker</c> and of <c>disttrain-worker</c>.</summary>
public static class WorkerCommand
{
    /// <summary>More than saying goodbye takes at most, so that the host's own deadline never turns leaving into failure.</summary>
    public static readonly TimeSpan GoodbyeTime = TimeSpan.FromSeconds(10);

    private const string Template = "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>The verb <c>worker</c>.</summary>
    /// <param name="findDataset">Finds datasets on this host by digest; null leaves them to cache and coordinator.</param>
    public static Command Create(Func<DatasetSpec, Dataset?>? findDataset = null) =>
        AddTo(new Command("worker", "Computes for a coordinator until its run ends."), findDataset);

    /// <summary>The same as a program of its own.</summary>
    public static RootCommand CreateRoot() => AddTo(new RootCommand("Computes for a DistTrain coordinator until its run ends."), null);

    private static TCommand AddTo<TCommand>(TCommand command, Func<DatasetSpec, Dataset?>? findDataset)
        where TCommand : Command
    {
        var defaults = new WorkerOptions { Coordinator = "" };
        var coordinator = new Option<string>("--coordinator") { Description = "Where the coordinator listens, HOST:PORT or unix:PATH.", Required = true };
        var threads = new Option<int>("--threads") { Description = "Threads to compute with; default 1.", DefaultValueFactory = _ => defaults.Threads };
        var name = new Option<string>("--name") { Description = "Name that it keeps when it starts again; default its host and process id.", DefaultValueFactory = _ => "" };
        var startTimeout = Seconds("--start-timeout", "Seconds to look for the coordinator at first.", defaults.StartTimeout);
        var reconnectTimeout = Seconds("--reconnect-timeout", "Seconds to look for the coordinator after it was lost.", defaults.ReconnectTimeout);
        var cache = new Option<string>("--cache")
        {
            Description = "Directory for datasets received from the coordinator.",
            DefaultValueFactory = _ => defaults.CacheDirectory,
        };
        var transport = new Option<string>("--transport")
        {
            Description = "How tensors travel: auto shares memory with a coordinator on this host, grpc never does.",
            DefaultValueFactory = _ => "auto",
        };
        transport.AcceptOnlyFromAmong("auto", "grpc");
        var withStandardInput = new Option<bool>("--exit-with-stdin") { Description = "End when standard input closes.", Hidden = true };
        foreach (var option in (Option[])[coordinator, threads, name, startTimeout, reconnectTimeout, cache, transport, withStandardInput])
        {
            command.Options.Add(option);
        }

        command.SetAction((parsed, _) => RunAsync(() => new WorkerOptions
        {
            Coordinator = parsed.GetRequiredValue(coordinator),
            Threads = parsed.GetValue(threads),
            Name = parsed.GetRequiredValue(name),
            StartTimeout = Transport.Seconds.Of(parsed.GetValue(startTimeout), startTimeout.Name),
            ReconnectTimeout = Transport.Seconds.Of(parsed.GetValue(reconnectTimeout), reconnectTimeout.Name),
            CacheDirectory = parsed.GetRequiredValue(cache),
            SharesMemory = defaults.SharesMemory && parsed.GetRequiredValue(transport) == "auto",
            ExitWithStandardInput = parsed.GetValue(withStandardInput),
            FindDataset = findDataset,
        }));
        return command;
    }

    private static Option<double> Seconds(string name, string description, TimeSpan value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value.TotalSeconds };

    /// <summary>Hosts the role: the host turns SIGTERM and SIGINT into its orderly end, with exit code 0.</summary>
    private static async Task<int> RunAsync(Func<WorkerOptions> read)
    {
        WorkerOptions options;
        try
        {
            options = read();
            options.Validate();
        }
        catch (InvalidInputException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return WorkerOutcome.Refused;
        }

        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSerilog(serilog => serilog
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .WriteTo.Console(outputTemplate: Template, formatProvider: CultureInfo.InvariantCulture, standardErrorFromLevel: LogEventLevel.Verbose));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.FinishTimeout + GoodbyeTime);
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton<WorkerService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<WorkerService>());
        using var host = builder.Build();
        var service = host.Services.GetRequiredService<WorkerService>();
        await host.RunAsync();
        return service.Outcome?.ExitCode ?? WorkerOutcome.Failed;
    }

    private sealed class WorkerService(WorkerOptions options, ILoggerFactory loggers, IHostApplicationLifetime lifetime) : BackgroundService
    {
        public WorkerOutcome? Outcome { get; private set; }

        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            try
            {
                // Off the thread that starts the host, which must be free to hear signals.
                await Task.Yield();
                Outcome = await WorkerRole.RunAsync(options, loggers, TimeProvider.System, stoppingToken);
            }
            finally
            {
                lifetime.StopApplication();
            }
        }
    }
}
