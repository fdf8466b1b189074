using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>
/// Takes the coordinator's messages between its welcome and its last word, in order, each checked before anything is done with it. Numbers in
/// comments are steps of docs/protocol.md.
/// </summary>
/// <param name="spec">The run.</param>
/// <param name="welcome">Who this worker is.</param>
/// <param name="datasets">Where the dataset is found and kept.</param>
/// <param name="send">Sends to the coordinator.</param>
/// <param name="begin">Gets ready to compute with the dataset.</param>
/// <param name="log">Where logs go.</param>
/// <param name="memory">Shares memory with a coordinator on this host; null for a worker that does not.</param>
internal sealed class CoordinatorReader(
    RunSpec spec,
    Welcome welcome,
    IDatasetSource datasets,
    Action<WorkerMessage> send,
    Func<Dataset, IComputation> begin,
    ILogger log,
    SharedMemoryIntake? memory = null)
{
    private readonly ChunkReader _chunks = new();
    private DatasetIntake? _dataset;
    private ParametersIntake? _parameters;
    private IComputation? _computation;

    /// <summary>Whether the worker is ready for leases.</summary>
    public bool IsReady => _parameters is not null;

    /// <summary>(2.1) The dataset, if it is here; else null, and the coordinator is asked for it. Before any message is taken; may take seconds.</summary>
    public Dataset? FindOrAsk()
    {
        _dataset = new DatasetIntake(spec.Dataset, datasets, _chunks, send, log);
        return _dataset.FindOrAsk();
    }

    /// <summary>(2.3)</summary>
    public void BeReady(Dataset dataset)
    {
        _computation = begin(dataset);
        _parameters = new ParametersIntake(welcome.Incarnation, spec.Model.ParameterLayout().Length, _computation, _chunks, log);
        send(new WorkerMessage { Ready = new Ready { SharedMemoryNonce = memory?.Open() ?? ByteString.Empty } });
    }

    /// <summary>Takes one message.</summary>
    /// <returns>What is wrong with it; null if nothing is.</returns>
    public string? Take(CoordinatorMessage message)
    {
        switch (message.KindCase)
        {
            case CoordinatorMessage.KindOneofCase.Dataset when _parameters is null:
                return _dataset!.Announce(message.Dataset);
            case CoordinatorMessage.KindOneofCase.Parameters when _parameters is not null:
                return _parameters.Announce(message.Parameters);
            case CoordinatorMessage.KindOneofCase.Chunk:
                return _chunks.Accept(message.Chunk.Data.Span) switch
                {
                    ChunkStatus.Incomplete => AdvanceTensor(),
                    ChunkStatus.Complete => CompleteTensor(),
                    var refused => $"a chunk of {message.Chunk.Data.Length} bytes is {refused}",
                };
            case CoordinatorMessage.KindOneofCase.Lease when _parameters is not null:
                return TakeLease(message.Lease);
            case CoordinatorMessage.KindOneofCase.Region when _parameters is not null && memory is not null:
                return memory.Take(message.Region);
            case CoordinatorMessage.KindOneofCase.Revoked when _parameters is not null:
                // (3.3)
                _computation!.Revoke((long)message.Revoked.LeaseId);
                return null;
            case CoordinatorMessage.KindOneofCase.Answer:
                // (4.3)
                if (message.Answer.Verdict != Verdict.Counted)
                {
                    Log.NotCounted(log, message.Answer.FirstShard, message.Answer.EndShard, message.Answer.Verdict);
                }

                return null;
            default:
                return $"{message.KindCase} came out of turn";
        }
    }

    /// <summary>No more messages come: who computes does not wait for more parameters.</summary>
    public void GiveUp() => _parameters?.GiveUp();

    private string? AdvanceTensor()
    {
        _parameters?.Advance();
        return null;
    }

    private string? CompleteTensor()
    {
        if (_parameters is { } parameters)
        {
            parameters.Complete();
            return null;
        }

        if (_dataset!.Complete() is not { } dataset)
        {
            return "the dataset came damaged";
        }

        BeReady(dataset);
        return null;
    }

    /// <summary>(3.2)</summary>
    private string? TakeLease(LeaseGranted lease)
    {
        if (Leases.Of(lease, spec, (int)welcome.WorkerId) is not { } granted)
        {
            return Leases.Describe(lease);
        }

        _computation!.Take(granted);
        return null;
    }
}
