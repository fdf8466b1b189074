using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Coordinator;

/// <summary>Takes one worker's messages after its hello, in order: checks each before anything is kept of it.</summary>
internal sealed class WorkerReader(WorkerConnection connection, RunSpec spec, Dataset dataset, IRunIntake run)
{
    private readonly ChunkReader _chunks = new();
    private Partial? _partial;
    private PartialHeader _header = new();
    private Round _round;
    private bool _datasetSent;
    private bool _isReady;

    /// <summary>Takes a message.</summary>
    /// <returns>Why the connection must end, and whether it ends in order; null if it goes on.</returns>
    public async ValueTask<(string Reason, bool InOrder)?> TakeAsync(WorkerMessage message)
    {
        connection.Heard();
        if (_chunks.IsReceiving && message.KindCase != WorkerMessage.KindOneofCase.Chunk)
        {
            return Broken($"{message.KindCase} came in the middle of a partial");
        }

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
                return await AnnounceAsync(message.Partial);
            case WorkerMessage.KindOneofCase.Chunk:
                return await ReceiveAsync(message.Chunk);
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

    /// <summary>Gives back what was being received.</summary>
    public void Abandon()
    {
        _chunks.Abandon();
        if (_partial is { } partial)
        {
            _partial = null;
            run.Pools.For(_round.Kind).Return(partial);
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
    private async ValueTask<(string Reason, bool InOrder)?> AnnounceAsync(PartialHeader header)
    {
        var judgement = PartialRules.Judge(header, run.Incarnation, spec, run.ParameterCount, run.CurrentRound, connection.Lease);
        switch (judgement.Decision)
        {
            case PartialDecision.Disconnect:
                return Broken(judgement.Reason);
            case PartialDecision.Discard:
                _chunks.BeginDiscarding((long)header.LengthBytes);
                Answer(header, judgement.Verdict);
                return null;
            default:
                var partial = run.Pools.For(judgement.Round.Kind).Rent();
                partial.Node = judgement.Node;
                partial.SampleCount = (int)header.SampleCount;
                partial.LossSum = header.LossSum;
                partial.CorrectCount = (int)header.CorrectCount;
                (_partial, _header, _round) = (partial, header, judgement.Round);
                _chunks.Begin(TensorBytes.Of(partial.Gradient));
                return _chunks.IsReceiving ? null : await CompleteAsync();
        }
    }

    private async ValueTask<(string Reason, bool InOrder)?> ReceiveAsync(Chunk chunk) => _chunks.Accept(chunk.Data.Span) switch
    {
        ChunkStatus.Incomplete => null,
        ChunkStatus.Complete => _partial is null ? null : await CompleteAsync(),
        var refused => Broken($"a chunk of {chunk.Data.Length} bytes is {refused}"),
    };

    private async ValueTask<(string Reason, bool InOrder)?> CompleteAsync()
    {
        var partial = _partial!;
        var received = run.Time.GetTimestamp();
        if (!Checksum.Of(_header, TensorBytes.Of(partial.Gradient).Span).Equals(_header.Checksum))
        {
            Abandon();
            Answer(_header, Verdict.Damaged);
            await run.TellAsync(new RunInput.LeaseReturned(connection, (long)_header.LeaseId, $"the partial of [{_header.FirstShard}, {_header.EndShard}) came damaged"));
            return null;
        }

        _partial = null;
        // On this thread, so that many workers' partials are looked at side by side.
        var fingerprint = run.IsAuditing ? Checksum.OfContent(partial) : default;
        var computeTime = TimeSpan.FromMicroseconds(_header.ComputeMicroseconds);
        var isFinite = run.IsFinite(partial);
        var receipt = new PartialReceipt(received, run.Time.GetTimestamp() - received);
        if (!await run.TellAsync(
            new RunInput.PartialArrived(connection, (long)_header.LeaseId, _round, partial, isFinite, fingerprint, computeTime) { Receipt = receipt }))
        {
            run.Pools.For(_round.Kind).Return(partial);
        }

        return null;
    }

    private void Answer(PartialHeader header, Verdict verdict) => connection.Outbox.Send(new CoordinatorMessage
    {
        Answer = new PartialAnswer { LeaseId = header.LeaseId, FirstShard = header.FirstShard, EndShard = header.EndShard, Verdict = verdict },
    });
}
