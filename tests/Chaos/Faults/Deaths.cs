using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Chaos.Faults;

/// <summary>P2: the process is gone when so many bytes of a partial's gradient are written.</summary>
/// <param name="bytes">0 dies after the header.</param>
internal sealed class DiesUploading(int bytes) : MessageFault
{
    private int _sent;

    protected override async Task SendAsync(WorkerMessage message, Func<WorkerMessage, Task> send)
    {
        if (message.Chunk is not { } chunk)
        {
            await send(message);
            if (message.Partial is not null && bytes == 0)
            {
                Tell();
            }

            return;
        }

        var left = bytes - _sent;
        var part = Math.Min(left, chunk.Data.Length);
        _sent += part;
        await send(new WorkerMessage { Chunk = new Chunk { Partial = chunk.Partial, Data = ByteString.CopyFrom(chunk.Data.Span[..part]) } });
        if (part == left)
        {
            Tell();
        }
    }

    private void Tell()
    {
        FaultyWorker.Fired($"died after {bytes} bytes");
        Die();
    }
}

/// <summary>P3: its partial is counted, the answer never reaches it, and it dies.</summary>
internal sealed class DiesCounted : MessageFault
{
    protected override int Receive(CoordinatorMessage message)
    {
        if (message.Answer?.Verdict == Verdict.Counted)
        {
            FaultyWorker.Fired($"died although shards [{message.Answer.FirstShard}, {message.Answer.EndShard}) were counted");
            Die();
        }

        return 1;
    }
}

/// <summary>P7: dies of a lease.</summary>
/// <param name="shard">Only of those with this shard; null for every one.</param>
/// <param name="fromStep">Earlier ones do no harm.</param>
internal sealed class DiesOfLease(uint? shard, ulong fromStep) : MessageFault
{
    protected override int Receive(CoordinatorMessage message)
    {
        if (message.Lease is { } lease && lease.Kind == RoundKind.Training && lease.Version >= fromStep
            && (shard is not { } poison || (lease.FirstShard <= poison && poison < lease.EndShard)))
        {
            FaultyWorker.Fired($"died of shards [{lease.FirstShard}, {lease.EndShard}) of step {lease.Version}");
            Die();
        }

        return 1;
    }
}

/// <summary>P6b: leases never reach what computes, and the heart beats on.</summary>
/// <param name="fromStep">Earlier ones are computed.</param>
internal sealed class SwallowsLeases(ulong fromStep) : MessageFault
{
    protected override int Receive(CoordinatorMessage message)
    {
        if (message.Lease is not { } lease || lease.Version < fromStep)
        {
            return 1;
        }

        FaultyWorker.Fired($"swallowed lease {lease.LeaseId}");
        return 0;
    }
}
