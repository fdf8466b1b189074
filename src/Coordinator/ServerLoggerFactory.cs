using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Coordinator;

/// <summary>The caller's logs for the server's own categories, without its line per request: those of a run are told by <see cref="Log"/>.</summary>
internal sealed class ServerLoggerFactory(ILoggerFactory inner) : ILoggerFactory
{
    /// <summary>Says that the server cannot start, with a stack trace, before it throws the same: who catches that says it in one line.</summary>
    private const string HostCategory = "Microsoft.Extensions.Hosting.Internal.Host";

    /// <summary>Says with a stack trace that a call failed in a way that its service did not foresee.</summary>
    private const string CallCategory = "Grpc.AspNetCore.Server.ServerCallHandler";

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => categoryName switch
    {
        HostCategory => NullLogger.Instance,
        // Strangers may call these: what they send is told of by the gate, in few lines.
        CallCategory => new WarningsOnly(inner.CreateLogger(categoryName), [nameof(Enrollment.EnrollmentBase.Authority), nameof(Enrollment.EnrollmentBase.Enroll)]),
        _ => new WarningsOnly(inner.CreateLogger(categoryName), []),
    };

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    /// <summary>The inner factory stays its owner's.</summary>
    public void Dispose()
    {
    }

    private sealed class WarningsOnly(ILogger inner, string[] silent) : ILogger
    {
        private const string MethodKey = "ServiceMethod";

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => NullLogger.Instance.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)
                && !(silent.Length > 0 && state is IEnumerable<KeyValuePair<string, object?>> values && values.Any(value => value.Key == MethodKey && silent.Contains(value.Value))))
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
            }
        }
    }
}
