using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Coordinator;

/// <summary>
/// The coordinator's end of the memory it shares with one worker (8): puts leases there and takes partials, which are used where they lie. For the run
/// loop alone, but for what becomes of partials: they may be given back on any thread.
/// </summary>
internal sealed class SharedIntake : IDisposable
{
    private readonly WorkerConnection _connection;
    private readonly WorkerRegion _region;
    private readonly RunSpec _spec;
    private readonly Partial[] _slots;
    private readonly bool[] _inUse;
    private PartialHeader? _announced;
    private bool _isBroken;
    private int _users = 1;
    private bool _isNameless;

    /// <summary>For a worker that has proved to be on this host.</summary>
    /// <param name="connection">The worker's.</param>
    /// <param name="region">Its memory; disposed of with this object, once no partial in it is in use.</param>
    /// <param name="spec">The run.</param>
    public SharedIntake(WorkerConnection connection, WorkerRegion region, RunSpec spec)
    {
        (_connection, _region, _spec) = (connection, region, spec);
        _inUse = new bool[region.SlotCount];
        _slots = [.. Enumerable.Range(0, region.SlotCount).Select(slot => new Partial(region.Gradient(slot, Nobody.Instance), _ => GiveBack(slot)))];
    }

    /// <summary>(8.2) Where the worker finds it.</summary>
    public SharedRegion Invitation => new() { Path = _region.FullPath, Slots = (uint)_region.SlotCount };

    /// <summary>(3.2)</summary>
    public void Grant(LeaseGranted lease)
    {
        _region.PutLease(lease);
        _region.Bell.Ring();
    }

    /// <summary>(3.3) The worker looks when it has computed: it need not wake up for that.</summary>
    public void Revoke(long leaseId) => _region.Revoke(leaseId);

    /// <summary>What the worker has said.</summary>
    /// <param name="run">Who is told.</param>
    /// <returns>Null if there is nothing more.</returns>
    public RunInput? Take(IRunFacts run)
    {
        try
        {
            while (!_isBroken && _region.TryTake(out var message, out var slot))
            {
                _connection.Heard();
                if (message.KindCase == WorkerMessage.KindOneofCase.Partial && _announced is null)
                {
                    _announced = message.Partial;
                    continue;
                }

                if (message.KindCase != WorkerMessage.KindOneofCase.PartialEnd || _announced is not { } header || header.Number != message.PartialEnd.Number)
                {
                    return Broken($"{message.KindCase} came out of turn through shared memory");
                }

                _announced = null;
                if (TakePartial(header, message.PartialEnd, slot, run) is { } input)
                {
                    return input;
                }
            }
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException)
        {
            return Broken(e.Message);
        }

        return null;
    }

    /// <summary>Regularly: once the worker has its region nobody needs the name, and none can be left behind.</summary>
    public void Tick()
    {
        if (!_isNameless && _region.IsAttached)
        {
            _isNameless = true;
            _region.Unlink();
        }
    }

    /// <summary>The worker is gone: its memory goes too, as soon as none of it is in use.</summary>
    public void Dispose() => Release();

    /// <summary>What follows is not looked at.</summary>
    private RunInput.Left Broken(string what)
    {
        _isBroken = true;
        return new RunInput.Left(_connection, $"it broke the protocol: {what}", InOrder: false);
    }

    /// <summary>(4.2) Judged like a partial that comes in chunks. Nothing is in transit, so there is no checksum.</summary>
    private RunInput? TakePartial(PartialHeader header, PartialEnd end, int slot, IRunFacts run)
    {
        var receipt = new PartialReceipt(run.Time.GetTimestamp(), Verification: 0);
        var judgement = PartialRules.Judge(header, run.Incarnation, _spec, run.ParameterCount, run.CurrentRound, _connection.Lease);
        var hasGradient = header.LengthBytes > 0;
        if (hasGradient != slot >= 0 || slot >= _slots.Length || (hasGradient && (!_region.IsDelivered(slot) || Volatile.Read(ref _inUse[slot]))))
        {
            return Broken($"slot {slot} is not where its partial of {header.LengthBytes} bytes lies");
        }

        if (PartialRules.Judge(end, header, isInPlace: true) is { } wrong)
        {
            return Broken(wrong);
        }

        switch (judgement.Decision)
        {
            case PartialDecision.Disconnect:
                return Broken(judgement.Reason);
            case PartialDecision.Discard:
                if (hasGradient)
                {
                    _region.GiveBack(slot);
                    _region.Bell.Ring();
                }

                return null;
            default:
                var partial = hasGradient ? Use(slot, run) : run.Pools.Evaluation.Rent();
                partial.Node = judgement.Node;
                partial.SampleCount = (int)header.SampleCount;
                partial.LossSum = end.LossSum;
                partial.CorrectCount = (int)end.CorrectCount;
                var isFinite = end.IsFinite && double.IsFinite(end.LossSum);
                if (judgement.Node.Count == judgement.Round.ShardCount)
                {
                    // The root itself: no sum will show what the worker did not see.
                    isFinite &= run.IsFinite(partial);
                }

                var fingerprint = run.IsAuditing ? Checksum.OfContent(partial) : default;
                return new RunInput.PartialArrived(
                    _connection, (long)header.LeaseId, judgement.Round, partial, isFinite, fingerprint, TimeSpan.FromMicroseconds(end.ComputeMicroseconds))
                {
                    Receipt = receipt,
                };
        }
    }

    private Partial Use(int slot, IRunFacts run)
    {
        if (slot < _slots.Length - 1 && !run.IsAuditing)
        {
            Interlocked.Increment(ref _users);
            Volatile.Write(ref _inUse[slot], true);
            return _slots[slot];
        }

        // The last slot is for what found no other: it is free again at once, so that no worker ever waits for the end of the round to deliver. What is
        // audited is looked at where no worker can change it any more.
        var copy = run.Pools.Training.Rent();
        _slots[slot].Gradient.Span.CopyTo(copy.Gradient.Span);
        _region.GiveBack(slot);
        _region.Bell.Ring();
        return copy;
    }

    private void GiveBack(int slot)
    {
        // First, so that the worker may deliver it anew as soon as it sees that it has it.
        Volatile.Write(ref _inUse[slot], false);
        _region.GiveBack(slot);
        Release();
    }

    private void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            _region.Dispose();
        }
    }

    private sealed class Nobody : IDisposable
    {
        public static Nobody Instance { get; } = new();

        public void Dispose()
        {
        }
    }
}
