using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using DistTrain.Worker;
using Grpc.Core;

namespace DistTrain.Bench.Wire;

/// <summary>The worker's side: as soon as it has the parameters it sends a gradient.</summary>
internal static class WireWorker
{
    /// <summary>Runs until the coordinator ends it.</summary>
    public static async Task<int> RunAsync(int port, int bytes)
    {
        using var clients = new Clients(new Uri($"http://127.0.0.1:{port}"));
        using var call = AttachCall.Begin(clients.Tensors, CancellationToken.None);
        using var pools = new PartialPools(bytes / sizeof(float));
        var outgoing = new Outgoing();
        var pump = outgoing.PumpAsync(call.RequestStream, CancellationToken.None);
        var (chunks, parameters) = (new ChunkReader(), new byte[bytes]);
        var gradient = new OutgoingPartial(pools.Training.Rent(), bytes, number: 1);
        pools.Training.Return(gradient.Partial);
        outgoing.Send(new WorkerMessage { Hello = new Hello() });
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            var message = call.ResponseStream.Current;
            if (message.Parameters is not null)
            {
                chunks.Begin(parameters);
            }
            else if (message.Chunk is { } chunk)
            {
                if (chunks.Accept(chunk.Data.Span) == ChunkStatus.Complete)
                {
                    pools.Training.Rent();
                    outgoing.Begin(new PartialHeader { LengthBytes = (ulong)bytes, Number = gradient.Number }, gradient);
                    outgoing.End(new PartialEnd { Number = gradient.Number }, gradient, pools.Training);
                }
            }
            else if (message.Revoked is not null)
            {
                outgoing.Send(new WorkerMessage { DatasetRequest = new DatasetRequest { Digest = Usage.Own.ToText() } });
            }
            else
            {
                break;
            }

            AttachCall.Recycle(message);
        }

        outgoing.Close();
        await pump;
        return 0;
    }
}
