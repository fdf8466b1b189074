using DistTrain.Core.Training;

namespace DistTrain.Worker;

/// <summary>Sends partials as they come about (4.1). For the thread that computes.</summary>
/// <param name="outgoing">Where they wait to be written.</param>
/// <param name="incarnation">Of the coordinator.</param>
/// <param name="pools">Where they go back to.</param>
/// <param name="parameterLength">Elements of a gradient that are parameters; what follows are buffers.</param>
internal sealed class PartialSender(Outgoing outgoing, ulong incarnation, PartialPools pools, int parameterLength)
{
    private readonly Dictionary<Partial, OutgoingPartial> _known = [];

    /// <summary>Elements <c>[firstElement, parameter length)</c> of its gradient are final.</summary>
    public void Advance(in Lease lease, Partial partial, int firstElement)
    {
        var sent = Known(partial);
        Begin(lease, sent);
        outgoing.Advance(sent, firstElement * sizeof(float));
    }

    /// <summary>It is computed; it belongs to this object now.</summary>
    public void End(in Lease lease, Partial partial, TimeSpan computeTime)
    {
        var sent = Known(partial);
        Begin(lease, sent);
        var end = PartialHeaders.End(sent.Header!, partial, computeTime);
        sent.Header = null;
        outgoing.End(end, sent, pools.For(lease.Round.Kind));
    }

    /// <summary>Nobody wants it; it belongs to this object now.</summary>
    public void Drop(in Lease lease, Partial partial)
    {
        var pool = pools.For(lease.Round.Kind);
        if (_known.TryGetValue(partial, out var sent) && sent.Header is not null)
        {
            // (4.5) The pump may be reading it.
            sent.Header = null;
            outgoing.Abandon(sent, pool);
        }
        else
        {
            pool.Return(partial);
        }
    }

    private void Begin(in Lease lease, OutgoingPartial sent)
    {
        if (sent.Header is null)
        {
            sent.Header = PartialHeaders.Of(incarnation, lease, sent.Partial, sent.Number);
            outgoing.Begin(sent.Header, sent);
        }
    }

    private OutgoingPartial Known(Partial partial)
    {
        if (!_known.TryGetValue(partial, out var sent))
        {
            sent = new OutgoingPartial(partial, parameterLength * sizeof(float), (uint)_known.Count + 1);
            _known.Add(partial, sent);
        }

        return sent;
    }
}
