using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using DistTrain.Worker;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Simulation;

/// <summary>One call of Attach by the product's rules, without its threads. Numbers in comments are steps of docs/protocol.md.</summary>
internal sealed class SimulatedAttachment(World world, SimulatedWorker worker, Link link) : IDatasetSource, IDisposable
{
    private const int KeptPartials = 12;

    private Welcome _welcome = new();
    private CoordinatorReader? _reader;
    private SimulatedComputation? _computation;
    private HeartbeatRules? _heartbeat;
    private bool _isOver;

    /// <summary>Its connection.</summary>
    public Link Link => link;

    /// <summary>Whether the coordinator has answered the hello.</summary>
    public bool IsAnswered { get; private set; }

    /// <summary>Whether partials may be sent.</summary>
    public bool MaySend => _reader is { IsReady: true } && !_isOver;

    /// <summary>Whether it is what a coordinator knows by this id.</summary>
    public bool Is(SimulatedCoordinator coordinator, int workerId) => link.Coordinator == coordinator && _welcome.WorkerId == (uint)workerId;

    private WorkerSlot Slot => worker.Slot;

    /// <summary>(1.1)</summary>
    public void SayHello()
    {
        var answer = Scenario.KnownAnswer;
        link.SendUp(new WorkerMessage
        {
            Hello = new Hello
            {
                ProtocolVersion = Protocol.Version,
                BuildVersion = "simulated",
                NumericsRevision = RunSpec.CurrentNumericsRevision,
                Threads = 1,
                Host = "simulated",
                ProcessId = 1,
                Name = Slot.Name,
                KnownAnswer = ByteString.CopyFrom(Slot.IsWrongBuild ? [.. answer.Reverse()] : answer),
            },
        });
    }

    /// <summary>A message has come, or with null the end of the connection.</summary>
    public void Receive(CoordinatorMessage? message)
    {
        if (_isOver)
        {
            return;
        }

        if (message is null)
        {
            End(null);
        }
        else if (!IsAnswered)
        {
            IsAnswered = true;
            TakeAnswer(message);
        }
        else if (message.KindCase == CoordinatorMessage.KindOneofCase.RunEnded)
        {
            SayGoodbye("the run has ended", WelcomeRules.Ended(message.RunEnded).Outcome!.ExitCode);
        }
        else if (_reader!.Take(message) is { } broken)
        {
            // What a flipped bit explains ends the attachment; anything else is the coordinator's fault.
            if (world.Coverage[FaultKind.BitFlipDown] == 0)
            {
                world.Violate($"{Slot.Name}: the coordinator broke the protocol: {broken}");
            }

            End(null);
        }
    }

    /// <summary>(6.2) Leaves in order, when the lease being computed is done.</summary>
    public void Leave()
    {
        _computation?.Stop();
        if (_computation is not { IsComputing: true } && !_isOver)
        {
            SayGoodbye("asked to stop", WorkerOutcome.Done);
        }
    }

    /// <summary>(4.1) Sends what was computed, and keeps it for a network that brings it again.</summary>
    public void Deliver(IReadOnlyList<SentPartial> partials)
    {
        foreach (var partial in partials)
        {
            Slot.Sent.Add(partial);
            Send(partial);
        }

        if (Slot.Sent.Count > KeptPartials)
        {
            Slot.Sent.RemoveRange(0, Slot.Sent.Count - KeptPartials);
        }
    }

    /// <summary>Sends a partial, perhaps again.</summary>
    public void Send(SentPartial partial)
    {
        foreach (var message in partial.Messages)
        {
            link.SendUp(message);
        }
    }

    /// <summary>(4.4)</summary>
    public void Return(long leaseId, ReturnReason reason)
    {
        world.Took(RecoveryBranch.LeaseReturned);
        link.SendUp(new WorkerMessage { LeaseReturned = new LeaseReturned { LeaseId = (ulong)leaseId, Reason = reason } });
    }

    /// <summary>The attachment is over.</summary>
    /// <param name="exitCode">What the worker ends with; null to attach again.</param>
    public void End(int? exitCode)
    {
        if (!_isOver)
        {
            _isOver = true;
            link.CloseByWorker();
            worker.AttachmentEnded(exitCode);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isOver = true;
        _reader?.GiveUp();
        _computation?.Dispose();
    }

    Dataset? IDatasetSource.Find(DatasetSpec spec) => Slot.HasDataset ? Scenario.Data : null;

    Dataset? IDatasetSource.Receive(DatasetSpec spec, ReadOnlySpan<byte> bytes)
    {
        if (DatasetBytes.Read(bytes, spec) is not { } dataset)
        {
            return null;
        }

        world.Took(RecoveryBranch.DatasetSent);
        Slot.HasDataset = true;
        return dataset;
    }

    private void SayGoodbye(string reason, int exitCode)
    {
        link.SendUp(new WorkerMessage { Goodbye = new Goodbye { Reason = reason } });
        End(exitCode);
    }

    /// <summary>(1.2), (1.3)</summary>
    private void TakeAnswer(CoordinatorMessage answer)
    {
        if (WelcomeRules.Judge(answer, out var spec) is { } end)
        {
            world.Trace.Add($"{Slot.Name} is not welcome: {end.Reason}");
            End(end.Outcome?.ExitCode);
            return;
        }

        _welcome = answer.Welcome;
        worker.Welcomed();
        _heartbeat = new HeartbeatRules(TimeSpan.FromMilliseconds(_welcome.DeadTimeMilliseconds), world.Time.Now);
        Beat();
        _reader = new CoordinatorReader(
            spec!, _welcome, this, link.SendUp, _ => _computation = new SimulatedComputation(world, worker, _welcome, spec!, this), NullLogger.Instance);
        if (_reader.FindOrAsk() is { } dataset)
        {
            _reader.BeReady(dataset);
        }
    }

    /// <summary>(5.2) One sign of life, and after its answer or its deadline the next.</summary>
    private void Beat()
    {
        if (_isOver)
        {
            return;
        }

        var began = world.Time.Now;
        var next = began + TimeSpan.FromMilliseconds(_welcome.HeartbeatIntervalMilliseconds);
        var isOver = false;
        world.Heartbeat(link, new HeartbeatRequest { Incarnation = _welcome.Incarnation, WorkerId = _welcome.WorkerId }, reply => Conclude(
            _heartbeat!.Answered(reply.Known, world.Time.Now), RecoveryBranch.HeartbeatUnknown, next - world.Time.Now));
        worker.After(TimeSpan.FromMilliseconds(_welcome.DeadTimeMilliseconds), () => Conclude(null, RecoveryBranch.HeartbeatSilent, TimeSpan.Zero, isLate: true));

        void Conclude(string? why, RecoveryBranch branch, TimeSpan wait, bool isLate = false)
        {
            if (_isOver || isOver)
            {
                return;
            }

            isOver = true;
            if ((isLate ? _heartbeat!.Unanswered(world.Time.Now) : why) is { } reason)
            {
                world.Took(branch);
                world.Trace.Add($"{Slot.Name} gives its coordinator up: {reason}");
                End(null);
                return;
            }

            worker.After(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Beat);
        }
    }
}
