using DistTrain.Core.Data;
using DistTrain.Core.Training;

namespace DistTrain.Worker;

/// <summary>Where a worker finds a run's dataset without asking the coordinator, and where it keeps one that came from there.</summary>
internal interface IDatasetSource
{
    /// <summary>The dataset of a run, verified; null if it is not here.</summary>
    Dataset? Find(DatasetSpec spec);

    /// <summary>Verifies and keeps what came from the coordinator; null if it is damaged.</summary>
    Dataset? Receive(DatasetSpec spec, ReadOnlySpan<byte> bytes);
}
