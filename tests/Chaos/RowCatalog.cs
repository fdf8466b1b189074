using DistTrain.Chaos.Rows;

namespace DistTrain.Chaos;

/// <summary>All rows, in the order of docs/faults.md.</summary>
internal static class RowCatalog
{
    public static IReadOnlyList<Row> All { get; } =
    [
        new("P1", "worker killed while computing", IsFast: true, WorkerDeaths.KillComputing),
    ];
}
