using System.Globalization;
using DistTrain.Cli.Views;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Serilog.Formatting.Display;

namespace DistTrain.Cli.Runs;

/// <summary>The log of one process: everything from Information on in a file, warnings on standard error, by way of the view.</summary>
public sealed class RunLog : IDisposable
{
    private const string FileTemplate = "{Timestamp:yyyy-MM-ddTHH:mm:ss.fffzzz} {Level:u3} {Message:lj}{NewLine}{Exception}";
    private readonly Logger _logger;
    private readonly TailSink _tail;

    private RunLog(Logger logger, TailSink tail) => (_logger, _tail) = (logger, tail);

    /// <summary>Opens a log.</summary>
    /// <param name="path">The file; null for none.</param>
    /// <param name="warn">Takes warnings, one line each.</param>
    /// <param name="toStandardError">The least that goes there.</param>
    public static RunLog Open(string? path, Action<string> warn, LogEventLevel toStandardError = LogEventLevel.Warning)
    {
        var configuration = new LoggerConfiguration()
            .MinimumLevel.Information()
            // The frameworks' own chatter tells nobody anything about a run.
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .MinimumLevel.Override("Grpc", LogEventLevel.Warning)
            // A host that cannot start throws; its exception is reported once, in the user's terms.
            .MinimumLevel.Override("Microsoft.Extensions.Hosting", LogEventLevel.Fatal)
            .WriteTo.Sink(new LineSink(warn), toStandardError);
        var tail = new TailSink();
        configuration.WriteTo.Sink(tail);
        if (path is not null)
        {
            configuration.WriteTo.File(path, outputTemplate: FileTemplate, formatProvider: CultureInfo.InvariantCulture, fileSizeLimitBytes: null);
        }

        return new RunLog(configuration.CreateLogger(), tail);
    }

    /// <summary>Takes every line, too; null for nobody. Called by any thread.</summary>
    public Action<string>? Tail
    {
        get => _tail.Write;
        set => _tail.Write = value;
    }

    /// <summary>One line.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2254", Justification = "The message is a value of the template.")]
    public void Information(string message) => _logger.Information("{Message:l}", message);

    /// <summary>One line that people should see.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2254", Justification = "The message is a value of the template.")]
    public void Warning(string message) => _logger.Warning("{Message:l}", message);

    /// <summary>An error, with its stack if there is one to show, into the file; standard error gets the message by another way.</summary>
    public void Failure(Exception? e, string message) => _logger.ForContext(LineSink.AlreadyShown, true).Error(e, "{Message:l}", message);

    /// <summary>For libraries that log.</summary>
    public ILoggerFactory CreateFactory() => new SerilogLoggerFactory(_logger);

    /// <inheritdoc/>
    public void Dispose() => _logger.Dispose();

    /// <summary>Every line, for whoever is there; nothing is formatted for nobody.</summary>
    private sealed class TailSink : ILogEventSink
    {
        public Action<string>? Write { get; set; }

        public void Emit(LogEvent logEvent)
        {
            if (Write is { } write)
            {
                new LineSink(write).Emit(logEvent);
            }
        }
    }

    /// <summary>Lines for people, without stack traces.</summary>
    private sealed class LineSink(Action<string> write) : ILogEventSink
    {
        public const string AlreadyShown = nameof(AlreadyShown);

        private readonly MessageTemplateTextFormatter _formatter = new("{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}", CultureInfo.InvariantCulture);

        public void Emit(LogEvent logEvent)
        {
            if (!logEvent.Properties.ContainsKey(AlreadyShown))
            {
                using var text = new StringWriter(CultureInfo.InvariantCulture);
                _formatter.Format(logEvent, text);
                write(text.ToString());
            }
        }
    }
}
