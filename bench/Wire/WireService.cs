using DistTrain.Coordinator;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Grpc.Core;

namespace DistTrain.Bench.Wire;

/// <summary>One call per worker, as the product's service has it: a pump that writes and a loop that reads.</summary>
internal sealed class WireService(Exchange exchange) : TrainingEndpoint
{
    /// <inheritdoc/>
    public override async Task Attach(IAsyncStreamReader<WorkerMessage> requestStream, IServerStreamWriter<CoordinatorMessage> responseStream, ServerCallContext context)
    {
        var outbox = new Outbox();
        var pump = outbox.PumpAsync(responseStream, context.CancellationToken);
        exchange.Attach(outbox);
        var gradient = new byte[exchange.Bytes];
        var chunks = new GradientReader(gradient, gradient.Length);
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            var message = requestStream.Current;
            if (message.Partial is not null)
            {
                chunks = new GradientReader(gradient, gradient.Length);
            }
            else if (message.Chunk is { } chunk)
            {
                chunks.Accept(chunk.Data.Span);
            }
            else if (message.PartialEnd is not null && chunks.IsComplete)
            {
                exchange.Answered();
            }
            else if (message.DatasetRequest is { } usage)
            {
                exchange.Used(Usage.Parse(usage.Digest));
            }

            AttachCall.Recycle(message);
        }

        await pump;
    }

    /// <inheritdoc/>
    public override Task<HeartbeatReply> Heartbeat(HeartbeatRequest request, ServerCallContext context) => Task.FromResult(new HeartbeatReply());
}
