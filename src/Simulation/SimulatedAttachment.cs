using DistTrain.Core.Formats;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using DistTrain.Worker;
using Google.Protobuf;

namespace DistTrain.Simulation;

/// <summary>One call of Attach, by the rules of <see cref="Attachment"/>. Numbers in comments are steps of docs/protocol.md.</summary>
internal sealed class SimulatedAttachment(World world, SimulatedWorker worker, Link link) : IDisposable
{
    private const int SilentDeadTimes = 10;
    private const int KeptPartials = 12;

    private readonly ChunkReader _chunks = new();
    private Welcome? _welcome;
    private RunSpec? _spec;
    private LeaseQueue? _queue;
    private ParametersHeader _header = new();
    private AlignedBuffer<float>? _receiving;
    private byte[]? _dataset;
    private bool _isComputing;
    private bool _isOver;
    private TimeSpan _answered;

    /// <summary>Its connection.</summary>
    public Link Link => link;

    /// <summary>Whether the coordinator has answered the hello.</summary>
    public bool IsAnswered { get; private set; }

    /// <summary>The coordinator it is attached to; null before the welcome.</summary>
    public ulong? Incarnation => _welcome?.Incarnation;

    /// <summary>Whether it is in the middle of nothing, so that another partial may be sent.</summary>
    public bool MaySend => _queue is not null && !_isOver;

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
            SayGoodbye("the run has ended", ExitCodeOf(message.RunEnded));
        }
        else if (Take(message) is { } broken)
        {
            world.Violate($"{Slot.Name}: the coordinator broke the protocol: {broken}");
        }
    }

    /// <summary>(6.2) Leaves in order.</summary>
    public void Leave()
    {
        if (_queue?.Stop() is { } unbegun)
        {
            Return(unbegun.Id, ReturnReason.Stopping);
        }

        if (!_isComputing)
        {
            SayGoodbye("asked to stop", WorkerOutcome.Done);
        }
    }

    /// <summary>The attachment is over.</summary>
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
        _receiving?.Dispose();
        _queue?.Dispose();
    }

    private static int ExitCodeOf(RunEnded ended) =>
        ended.Outcome is RunOutcome.Completed or RunOutcome.Stopped ? WorkerOutcome.Done : WorkerOutcome.Failed;

    private void SayGoodbye(string reason, int exitCode)
    {
        link.SendUp(new WorkerMessage { Goodbye = new Goodbye { Reason = reason } });
        End(exitCode);
    }

    /// <summary>(1.2), (1.3)</summary>
    private void TakeAnswer(CoordinatorMessage message)
    {
        switch (message.KindCase)
        {
            case CoordinatorMessage.KindOneofCase.Welcome:
                _welcome = message.Welcome;
                _spec = SpecJson.ReadRun(_welcome.RunSpecJson, "the coordinator's run");
                worker.Welcomed();
                _answered = world.Time.Now;
                Beat();
                if (Slot.HasDataset)
                {
                    BeReady();
                }
                else
                {
                    // (2.1)
                    link.SendUp(new WorkerMessage { DatasetRequest = new DatasetRequest { Digest = _spec.Dataset.Digest } });
                }

                break;
            case CoordinatorMessage.KindOneofCase.Refused:
                world.Trace.Add($"{Slot.Name} is refused: {message.Refused.Reason}");
                End(message.Refused.Transient ? null : WorkerOutcome.Refused);
                break;
            case CoordinatorMessage.KindOneofCase.RunEnded:
                SayGoodbye("the run has ended", ExitCodeOf(message.RunEnded));
                break;
            default:
                world.Violate($"{Slot.Name}: the coordinator's first message was {message.KindCase}");
                break;
        }
    }

    /// <summary>(2.3)</summary>
    private void BeReady()
    {
        _queue = new LeaseQueue(_spec!.Model.ParameterLayout().Length);
        link.SendUp(new WorkerMessage { Ready = new Ready() });
        if (worker.IsLeaving)
        {
            Leave();
        }
    }

    private string? Take(CoordinatorMessage message)
    {
        switch (message.KindCase)
        {
            case CoordinatorMessage.KindOneofCase.Dataset when _queue is null && _dataset is null:
                _dataset = new byte[message.Dataset.LengthBytes];
                _chunks.Begin(_dataset);
                return null;
            case CoordinatorMessage.KindOneofCase.Parameters when _queue is not null:
                return Announce(message.Parameters);
            case CoordinatorMessage.KindOneofCase.Chunk:
                return _chunks.Accept(message.Chunk.Data.Span) switch
                {
                    ChunkStatus.Incomplete => null,
                    ChunkStatus.Complete => _queue is null ? CompleteDataset() : CompleteParameters(),
                    var refused => $"a chunk of {message.Chunk.Data.Length} bytes is {refused}",
                };
            case CoordinatorMessage.KindOneofCase.Lease when _queue is not null:
                return TakeLease(message.Lease);
            case CoordinatorMessage.KindOneofCase.Revoked when _queue is not null:
                // (3.3)
                _queue.Revoke((long)message.Revoked.LeaseId);
                return null;
            case CoordinatorMessage.KindOneofCase.Answer:
                return null;
            default:
                return $"{message.KindCase} came out of turn";
        }
    }

    /// <summary>(2.2)</summary>
    private string? CompleteDataset()
    {
        if (DatasetBytes.Read(_dataset, _spec!.Dataset) is null)
        {
            // As the product: the attachment ends, and the next one asks again.
            End(null);
            return null;
        }

        world.Took(RecoveryBranch.DatasetSent);
        Slot.HasDataset = true;
        BeReady();
        return null;
    }

    /// <summary>(3.1)</summary>
    private string? Announce(ParametersHeader header)
    {
        if (header.Incarnation != _welcome!.Incarnation)
        {
            return $"it announced parameters of incarnation {header.Incarnation}; it is {_welcome.Incarnation}";
        }

        _chunks.Abandon();
        _header = header;
        _receiving ??= _queue!.RentBuffer();
        _chunks.Begin(TensorBytes.Of(_receiving));
        return null;
    }

    private string? CompleteParameters()
    {
        var buffer = _receiving!;
        _receiving = null;
        if (world.Mutation == Mutation.NoChecksums || Checksum.Of(TensorBytes.Of(buffer).Span).Equals(_header.Checksum))
        {
            _queue!.Use((long)_header.Version, buffer);
        }
        else
        {
            _queue!.GiveBack(buffer);
        }

        return null;
    }

    /// <summary>(3.2)</summary>
    private string? TakeLease(LeaseGranted granted)
    {
        if (Rounds.FromWire(granted.Kind, granted.Version, _spec!) is not { } round
            || granted.ShardCount != (uint)round.ShardCount
            || Rounds.Range(granted.FirstShard, granted.EndShard, round.ShardCount) is not { } range)
        {
            return $"lease {granted.LeaseId} is of nothing that the run has";
        }

        if (Slot.LeasesToDieOf > 0)
        {
            Slot.LeasesToDieOf--;
            world.Struck(FaultKind.WorkerCrashLoop, Slot);
            worker.Die(withMachine: false);
            return null;
        }

        var lease = new Lease((long)granted.LeaseId, (int)_welcome!.WorkerId, round, range);
        if (!_queue!.Take(lease))
        {
            Return(lease.Id, ReturnReason.Stopping);
        }

        if (!_isComputing)
        {
            BeginNext();
        }

        return null;
    }

    private void BeginNext()
    {
        while (_queue!.Begin() is { } lease)
        {
            if (_queue.TakeParameters(lease.Round.Version, out _) || (world.Mutation == Mutation.StaleParameters && _queue.InUse is not null))
            {
                _isComputing = true;
                worker.After(world.Dice.Milliseconds(10, 50) * lease.Range.Count * Slot.SlowFactor, () => Complete(lease));
                return;
            }

            Return(lease.Id, ReturnReason.Parameters);
        }
    }

    private void Complete(Lease lease)
    {
        if (_isOver)
        {
            return;
        }

        _isComputing = false;
        if (!_queue!.IsRevoked)
        {
            foreach (var sent in world.Laboratory.Compute(_spec!, lease, _queue.InUse!, _welcome!.Incarnation, Slot))
            {
                Slot.Sent.Add(sent);
                Send(sent);
            }

            if (Slot.Sent.Count > KeptPartials)
            {
                Slot.Sent.RemoveRange(0, Slot.Sent.Count - KeptPartials);
            }
        }

        if (worker.IsLeaving)
        {
            SayGoodbye("asked to stop", WorkerOutcome.Done);
        }
        else
        {
            BeginNext();
        }
    }

    /// <summary>(4.1)</summary>
    internal void Send(SentPartial sent)
    {
        foreach (var message in sent.Messages)
        {
            link.SendUp(message);
        }
    }

    private void Return(long leaseId, ReturnReason reason)
    {
        world.Took(RecoveryBranch.LeaseReturned);
        link.SendUp(new WorkerMessage { LeaseReturned = new LeaseReturned { LeaseId = (ulong)leaseId, Reason = reason } });
    }

    /// <summary>(5.2)</summary>
    private void Beat()
    {
        if (_isOver)
        {
            return;
        }

        var began = world.Time.Now;
        var deadTime = TimeSpan.FromMilliseconds(_welcome!.DeadTimeMilliseconds);
        var interval = TimeSpan.FromMilliseconds(_welcome.HeartbeatIntervalMilliseconds);
        var isAnswered = false;
        world.Heartbeat(link, new HeartbeatRequest { Incarnation = _welcome.Incarnation, WorkerId = _welcome.WorkerId }, reply =>
        {
            if (_isOver || isAnswered || world.Time.Now - began > deadTime)
            {
                return;
            }

            isAnswered = true;
            _answered = world.Time.Now;
            if (!reply.Known)
            {
                world.Took(RecoveryBranch.HeartbeatUnknown);
                End(null);
                return;
            }

            worker.After(began + interval > world.Time.Now ? began + interval - world.Time.Now : TimeSpan.Zero, Beat);
        });
        worker.After(deadTime, () =>
        {
            if (_isOver || isAnswered)
            {
                return;
            }

            isAnswered = true;
            if (world.Time.Now - _answered > deadTime * SilentDeadTimes)
            {
                world.Took(RecoveryBranch.HeartbeatSilent);
                End(null);
            }
            else
            {
                Beat();
            }
        });
    }
}
