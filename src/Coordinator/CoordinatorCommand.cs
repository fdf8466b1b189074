using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;
using DistTrain.Transport;
using Serilog;
using Serilog.Events;
using Serilog.Extensions.Logging;

namespace DistTrain.Coordinator;

/// <summary>
/// The coordinator as a program of its own, <c>disttrain-coordinator</c>: trains what a <c>run.json</c> describes with whoever attaches, and prints
/// the <c>parametersSha256</c>. <c>disttrain coordinator</c> does the same with every option, a run directory and metrics.
/// </summary>
public static class CoordinatorCommand
{
    private const int Failed = 1;
    private const int WrongInput = 2;
    private const int NotEnoughWorkers = 3;
    private const int SignalBase = 128;
    private const string DataMember = "data";
    private const string Template = "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>The command line.</summary>
    public static RootCommand CreateRoot()
    {
        var defaults = new CoordinatorOptions();
        var config = new Option<string>("--config") { Description = "What to train: the run.json of a run.", Required = true };
        var data = new Option<string?>("--data") { Description = "Directory with mnist/; by default the one that run.json names." };
        var listen = new Option<string>("--listen")
        {
            Description = "IP address and port to serve workers on, port 0 takes a free one; or unix:PATH, a socket for this user alone.",
            DefaultValueFactory = _ => CoordinatorAddress.Text(defaults.Listen),
        };
        var insecure = new Option<bool>("--insecure") { Description = "Serve beyond this machine without credentials." };
        var workers = new Option<int>("--workers") { Description = "Workers to wait for before the first step.", DefaultValueFactory = _ => defaults.WorkersToStart };
        var startTimeout = new Option<double>("--start-timeout")
        {
            Description = "Seconds to wait for workers.",
            DefaultValueFactory = _ => defaults.StartTimeout.TotalSeconds,
        };
        var transport = new Option<string>("--transport")
        {
            Description = "How tensors travel: auto shares memory with workers on this host, grpc never does.",
            DefaultValueFactory = _ => "auto",
        };
        transport.AcceptOnlyFromAmong("auto", "grpc");
        var output = new Option<string?>("--out") { Description = "File for the trained parameters, in the safetensors format." };
        var command = new RootCommand("Trains with the workers that attach to it.") { config, data, listen, insecure, workers, startTimeout, transport, output };
        command.SetAction(async (parsed, _) =>
        {
            try
            {
                var (spec, itsData) = ReadRun(parsed.GetRequiredValue(config));
                var options = new CoordinatorOptions
                {
                    Listen = CoordinatorAddress.FindSocket(parsed.GetRequiredValue(listen)) as EndPoint
                        ?? (IPEndPoint.TryParse(parsed.GetRequiredValue(listen), out var endPoint)
                            ? endPoint
                            : throw new InvalidInputException(
                                $"'{parsed.GetValue(listen)}' is no address; --listen takes an IP address and a port, for example {defaults.Listen}, or unix:PATH.")),
                    Insecure = parsed.GetValue(insecure),
                    WorkersToStart = parsed.GetValue(workers),
                    StartTimeout = Seconds.Of(parsed.GetValue(startTimeout), startTimeout.Name),
                    SharedMemoryDirectory = parsed.GetRequiredValue(transport) == "auto" ? defaults.SharedMemoryDirectory : null,
                };
                options.Validate();
                return await RunAsync(spec, FindDataset(spec.Dataset, parsed.GetValue(data) ?? itsData), options, parsed.GetValue(output));
            }
            catch (Exception e) when (ExitCode(e) is not null)
            {
                await Console.Error.WriteLineAsync(e.Message);
                return ExitCode(e)!.Value;
            }
        });
        return command;
    }

    private static int? ExitCode(Exception e) => e switch
    {
        InvalidInputException => WrongInput,
        TrainingFailedException => Failed,
        NotEnoughWorkersException => NotEnoughWorkers,
        _ => null,
    };

    /// <summary>A run as its directory has it: the specification, and beside it where the data was.</summary>
    private static (RunSpec Spec, string? Data) ReadRun(string path)
    {
        try
        {
            var text = File.ReadAllText(path);
            var options = new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
            if (JsonNode.Parse(text, documentOptions: options) is not JsonObject run || !run.Remove(DataMember, out var data))
            {
                return (SpecJson.ReadRun(text, path), null);
            }

            return (SpecJson.ReadRun(run.ToJsonString(), path), data?.GetValue<string>());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or ArgumentException)
        {
            throw new InvalidInputException($"{path} cannot be read as a run: {e.Message}", e);
        }
    }

    private static Dataset FindDataset(DatasetSpec wanted, string? directory)
    {
        if (DatasetPath.TryParse(wanted.Name) is { } path)
        {
            return path.Read((name, _) => throw new InvalidInputException($"{name}: this program decodes no images; 'disttrain coordinator' does."));
        }

        // Another name is an error that lists the known ones.
        var entry = DatasetCatalog.Find(wanted.Name);
        return entry.Make is { } make ? make(wanted.TrainCount, wanted.TestCount)
            : directory is null ? throw new InvalidInputException($"The run is on {entry.Name}; --data must name the directory that {entry.Name}/ lies in.")
            : entry.Read!(Path.Combine(directory, entry.Name));
    }

    private static async Task<int> RunAsync(RunSpec spec, Dataset dataset, CoordinatorOptions options, string? output)
    {
        await using var log = new LoggerConfiguration()
            .WriteTo.Console(outputTemplate: Template, formatProvider: CultureInfo.InvariantCulture, standardErrorFromLevel: LogEventLevel.Verbose)
            .CreateLogger();
        using var loggers = new SerilogLoggerFactory(log);
        await using var run = await CoordinatorRun.StartAsync(spec, dataset, options, observer: null, clusterObserver: null, loggers);
        var signal = 0;
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, 15));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, 2));
        try
        {
            using var state = await run.Completion;
            if (output is not null)
            {
                DurableFile.Write(
                    output,
                    stream => SafeTensors.Write(stream, state.Parameters.Layout, state.Parameters.Values, new Dictionary<string, string> { ["format"] = "pt" }));
            }

            Console.WriteLine(ParametersHash.Sha256(state.Parameters.Values));
            return 0;
        }
        catch (OperationCanceledException)
        {
            return SignalBase + signal;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"The parameters cannot be written to {output}: {e.Message}", e);
        }

        void Stop(PosixSignalContext context, int number)
        {
            context.Cancel = true;
            signal = number;
            // The run's completion tells when it is done.
            _ = run.AbortAsync();
        }
    }
}
