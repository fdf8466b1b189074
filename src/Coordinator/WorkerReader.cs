using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Coordinator;

/// <summary>Takes one worker's messages after its hello, in order: checks each before anything is kept of it.</summary>
internal sealed class WorkerReader(WorkerConnection connection, RunSpec spec, Dataset dataset, IRunIntake run)
{
    private readonly long _parameterBytes = (long)spec.Model.ParameterLayout().ParameterLength * sizeof(float);
    private readonly Dictionary<uint, Reception> _receptions = [];
    private bool _datasetSent;
    private bool _isReady;

    /// <summary>Takes a message.</summary>
    /// <returns>Why the connection must end, and whether it ends in order; null if it goes on.</returns>
    public async ValueTask<(string Reason, bool InOrder)?> TakeAsync(WorkerMessage message)
    {
        connection.Heard();
        switch (message.KindCase)
        {
            case WorkerMessage.KindOneofCase.DatasetRequest when !_datasetSent && !_isReady:
                return SendDataset(message.DatasetRequest);
            case WorkerMessage.KindOneofCase.Ready when !_isReady:
                // (2.3)
                _isReady = true;
                await run.TellAsync(new RunInput.Ready(connection, message.Ready.SharedMemoryNonce.Memory));
                return null;
            case WorkerMessage.KindOneofCase.Partial when _isReady:
                return Announce(message.Partial);
            case WorkerMessage.KindOneofCase.Chunk:
                return Receive(message.Chunk);
            case WorkerMessage.KindOneofCase.PartialEnd:
                return await CompleteAsync(message.PartialEnd);
            case WorkerMessage.KindOneofCase.PartialAbandoned:
                // (4.5)
                return Abandon(message.PartialAbandoned.Number) ? null : Broken($"it abandoned partial {message.PartialAbandoned.Number}, which is not on its way");
            case WorkerMessage.KindOneofCase.LeaseReturned when _isReady:
                // (4.4)
                var returned = message.LeaseReturned;
                await run.TellAsync(new RunInput.LeaseReturned(connection, (long)returned.LeaseId, returned.Reason.ToString()));
                return null;
            case WorkerMessage.KindOneofCase.Goodbye:
                // (6.2)
                return (HelloRules.Printable(message.Goodbye.Reason), true);
            default:
                return Broken($"{message.KindCase} came out of turn");
        }
    }

    /// <summary>Gives back whatever was being received.</summary>
    public void Abandon()
    {
        foreach (var number in _receptions.Keys)
        {
            Abandon(number);
        }
    }

    private static (string Reason, bool InOrder)? Broken(string what) => ($"it broke the protocol: {what}", false);

    /// <summary>(2.2)</summary>
    private (string Reason, bool InOrder)? SendDataset(DatasetRequest request)
    {
        if (request.Digest != dataset.Digest)
        {
            return Broken("it asked for another dataset than the run's");
        }

        _datasetSent = true;
        var header = new DatasetHeader { Digest = dataset.Digest, LengthBytes = (ulong)DatasetBytes.Length(spec.Dataset) };
        connection.Outbox.SendAll(DatasetBytes.Chunked(dataset)
            .Select(chunk => new CoordinatorMessage { Chunk = chunk })
            .Prepend(new CoordinatorMessage { Dataset = header }));
        return null;
    }

    /// <summary>(4.2) Judges a header before anything is buffered.</summary>
    private (string Reason, bool InOrder)? Announce(PartialHeader header)
    {
        if (header.Number == 0 || _receptions.ContainsKey(header.Number))
        {
            return Broken($"a partial was announced as number {header.Number}, which {(header.Number == 0 ? "is none" : "is on its way")}");
        }

        var judgement = PartialRules.Judge(header, run.Incarnation, spec, run.ParameterCount, run.CurrentRound, connection.Lease);
        if (judgement.Decision == PartialDecision.Disconnect)
        {
            return Broken(judgement.Reason);
        }

        if (_receptions.Count == PartialRules.MaximumInFlight(Rounds.FromWire(header.Kind, header.Version, spec)!.Value))
        {
            return Broken($"more than {_receptions.Count} partials were on their way at once");
        }

        if (judgement.Decision == PartialDecision.Discard)
        {
            _receptions.Add(header.Number, new Reception(header, null, default, new GradientReader((long)header.LengthBytes, _parameterBytes)));
            Answer(header, judgement.Verdict);
            return null;
        }

        var partial = run.Pools.For(judgement.Round.Kind).Rent();
        partial.Node = judgement.Node;
        partial.SampleCount = (int)header.SampleCount;
        _receptions.Add(header.Number, new Reception(header, partial, judgement.Round, new GradientReader(TensorBytes.Of(partial.Gradient), _parameterBytes)));
        return null;
    }

    private (string Reason, bool InOrder)? Receive(Chunk chunk)
    {
        var status = _receptions.TryGetValue(chunk.Partial, out var reception) ? reception.Gradient.Accept(chunk.Data.Span) : ChunkStatus.Unexpected;
        return status is ChunkStatus.Incomplete or ChunkStatus.Complete ? null : Broken($"a chunk of {chunk.Data.Length} bytes is {status}");
    }

    private async ValueTask<(string Reason, bool InOrder)?> CompleteAsync(PartialEnd end)
    {
        if (!_receptions.TryGetValue(end.Number, out var reception) || !reception.Gradient.IsComplete)
        {
            return Broken($"partial {end.Number} was ended, which {(reception is null ? "is not on its way" : "is not complete")}");
        }

        if (PartialRules.Judge(end, reception.Header) is { } wrong)
        {
            return Broken(wrong);
        }

        if (reception.Partial is not { } partial)
        {
            _receptions.Remove(end.Number);
            return null;
        }

        var (header, round) = (reception.Header, reception.Round);
        var received = run.Time.GetTimestamp();
        if (!Checksum.Of(header, end, TensorBytes.Of(partial.Gradient).Span).Equals(end.Checksum))
        {
            Abandon(end.Number);
            Answer(header, Verdict.Damaged);
            await run.TellAsync(new RunInput.LeaseReturned(connection, (long)header.LeaseId, $"the partial of [{header.FirstShard}, {header.EndShard}) came damaged"));
            return null;
        }

        _receptions.Remove(end.Number);
        partial.LossSum = end.LossSum;
        partial.CorrectCount = (int)end.CorrectCount;
        // On this thread, so that many workers' partials are looked at side by side.
        var fingerprint = run.IsAuditing ? Checksum.OfContent(partial) : default;
        var computeTime = TimeSpan.FromMicroseconds(end.ComputeMicroseconds);
        var isFinite = run.IsFinite(partial);
        var receipt = new PartialReceipt(received, run.Time.GetTimestamp() - received);
        if (!await run.TellAsync(
            new RunInput.PartialArrived(connection, (long)header.LeaseId, round, partial, isFinite, fingerprint, computeTime) { Receipt = receipt }))
        {
            run.Pools.For(round.Kind).Return(partial);
        }

        return null;
    }

    /// <summary>What has come of a partial is given back whole.</summary>
    /// <returns>False if it was not on its way.</returns>
    private bool Abandon(uint number)
    {
        if (!_receptions.Remove(number, out var reception))
        {
            return false;
        }

        if (reception.Partial is { } partial)
        {
            run.Pools.For(reception.Round.Kind).Return(partial);
        }

        return true;
    }

    private void Answer(PartialHeader header, Verdict verdict) => connection.Outbox.Send(new CoordinatorMessage
    {
        Answer = new PartialAnswer { LeaseId = header.LeaseId, FirstShard = header.FirstShard, EndShard = header.EndShard, Verdict = verdict },
    });

    /// <summary>A partial that is announced and not ended.</summary>
    /// <param name="Header">What was announced.</param>
    /// <param name="Partial">Where it goes; null if it is let pass.</param>
    /// <param name="Round">Of which round it is; of one that is not let pass.</param>
    /// <param name="Gradient">Takes its chunks.</param>
    private sealed record Reception(PartialHeader Header, Partial? Partial, Round Round, GradientReader Gradient);
}
