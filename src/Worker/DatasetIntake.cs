using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>How the run's dataset comes to one attachment. Numbers in comments are steps of docs/protocol.md.</summary>
internal sealed class DatasetIntake(DatasetSpec spec, IDatasetSource source, ChunkReader chunks, Action<WorkerMessage> send, ILogger log)
{
    private byte[]? _bytes;

    /// <summary>(2.1) The dataset, if it is here; else null, and the coordinator is asked for it. May take seconds.</summary>
    public Dataset? FindOrAsk()
    {
        var dataset = source.Find(spec);
        if (dataset is null)
        {
            Log.AskingForDataset(log, spec.Name, DatasetBytes.Length(spec));
            send(new WorkerMessage { DatasetRequest = new DatasetRequest { Digest = spec.Digest } });
        }

        return dataset;
    }

    /// <summary>(2.2) Gets ready for the chunks, which complete with <see cref="Complete"/>.</summary>
    /// <returns>What is wrong with the header; null if nothing is.</returns>
    public string? Announce(DatasetHeader header)
    {
        if (_bytes is not null)
        {
            return "it announced the dataset twice";
        }

        var length = DatasetBytes.Length(spec);
        if (header.Digest != spec.Digest || header.LengthBytes != (ulong)length || length > Array.MaxLength)
        {
            return $"it announced a dataset of {header.LengthBytes} bytes with digest {header.Digest}; the run's has {length} and {spec.Digest}";
        }

        _bytes = GC.AllocateUninitializedArray<byte>((int)length);
        chunks.Begin(_bytes);
        return null;
    }

    /// <summary>The dataset that has come; null if it is damaged.</summary>
    public Dataset? Complete()
    {
        var bytes = _bytes!;
        _bytes = null;
        return source.Receive(spec, bytes);
    }
}
