using DistTrain.Transport.Wire;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace DistTrain.Chaos.Faults;

/// <summary>What a fault does to the messages of an Attach call. The base passes everything.</summary>
internal abstract class MessageFault : Interceptor
{
    /// <inheritdoc/>
    public sealed override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context, AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        var call = continuation(context);
        CallBegins();
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(
            (IClientStreamWriter<TRequest>)(object)new Writer(this, (IClientStreamWriter<WorkerMessage>)(object)call.RequestStream),
            (IAsyncStreamReader<TResponse>)(object)new Reader(this, (IAsyncStreamReader<CoordinatorMessage>)(object)call.ResponseStream),
            call.ResponseHeadersAsync,
            call.GetStatus,
            call.GetTrailers,
            call.Dispose);
    }

    /// <summary>The worker attaches anew: what was held back is of another call.</summary>
    protected virtual void CallBegins()
    {
    }

    /// <summary>Sends a message of the worker, or something else.</summary>
    protected virtual Task SendAsync(WorkerMessage message, Func<WorkerMessage, Task> send) => send(message);

    /// <summary>Takes a message of the coordinator.</summary>
    /// <returns>How often the worker gets it.</returns>
    protected virtual int Receive(CoordinatorMessage message) => 1;

    /// <summary>This process is gone at once, as by kill -9.</summary>
    protected static void Die()
    {
        System.Diagnostics.Process.GetCurrentProcess().Kill();
        Thread.Sleep(Timeout.Infinite);
    }

    private sealed class Writer(MessageFault fault, IClientStreamWriter<WorkerMessage> inner) : IClientStreamWriter<WorkerMessage>
    {
        public WriteOptions? WriteOptions
        {
            get => inner.WriteOptions;
            // What is held back or cut must not wait for a flush that never comes.
            set => inner.WriteOptions = new WriteOptions();
        }

        public Task WriteAsync(WorkerMessage message) => fault.SendAsync(message, inner.WriteAsync);

        public Task WriteAsync(WorkerMessage message, CancellationToken cancellationToken) =>
            fault.SendAsync(message, outgoing => inner.WriteAsync(outgoing, cancellationToken));

        public Task CompleteAsync() => inner.CompleteAsync();
    }

    private sealed class Reader(MessageFault fault, IAsyncStreamReader<CoordinatorMessage> inner) : IAsyncStreamReader<CoordinatorMessage>
    {
        private int _again;

        public CoordinatorMessage Current => inner.Current;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (_again > 0)
            {
                _again--;
                return true;
            }

            while (await inner.MoveNext(cancellationToken))
            {
                var times = fault.Receive(inner.Current);
                if (times > 0)
                {
                    _again = times - 1;
                    return true;
                }
            }

            return false;
        }
    }
}
