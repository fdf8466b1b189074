using DistTrain.Core.Data;
using DistTrain.Core.Training;
using DistTrain.Transport;
using Microsoft.Extensions.Logging;

namespace DistTrain.Worker;

/// <summary>
/// Where a worker finds a run's dataset without asking the coordinator: the one it had last, else where its host keeps datasets, else its cache. It
/// outlives attachments, so a coordinator that comes back finds its workers ready at once. One attachment at a time uses it.
/// </summary>
internal sealed class DatasetSource(WorkerOptions options, DatasetCache cache, ILogger log) : IDatasetSource
{
    private Held? _last;

    /// <summary>The digests in the cache, unverified.</summary>
    public IReadOnlyList<string> Digests() => cache.Digests();

    /// <inheritdoc/>
    public Dataset? Find(DatasetSpec spec)
    {
        // The whole spec is compared: its sizes come in another message than the bytes that the digest proves.
        if (_last is { } last && last.Spec == spec)
        {
            return last.Dataset;
        }

        // Two would have to be in memory at once.
        _last = null;
        var dataset = options.FindDataset?.Invoke(spec);
        if (dataset is not null && dataset.Digest != spec.Digest)
        {
            Log.OtherDataset(log, dataset.Name, dataset.Digest, spec.Digest);
            dataset = null;
        }

        return Hold(spec, dataset ?? cache.Read(spec));
    }

    /// <inheritdoc/>
    public Dataset? Receive(DatasetSpec spec, ReadOnlySpan<byte> bytes)
    {
        if (DatasetBytes.Read(bytes, spec) is not { } dataset)
        {
            return null;
        }

        cache.Write(spec.Digest, bytes);
        return Hold(spec, dataset);
    }

    private Dataset? Hold(DatasetSpec spec, Dataset? dataset)
    {
        _last = dataset is null ? null : new Held(spec, dataset);
        return dataset;
    }

    private sealed record Held(DatasetSpec Spec, Dataset Dataset);
}
