using DistTrain.Chaos.Rows;

namespace DistTrain.Chaos;

/// <summary>All rows, in the order of docs/faults.md.</summary>
internal static class RowCatalog
{
    public static IReadOnlyList<Row> All { get; } =
    [
        new("P1", "worker killed while computing", IsFast: true, WorkerDeaths.KillComputing),
        new("P2", "worker gone in mid-upload", IsFast: false, WorkerDeaths.DieUploading),
        new("P3", "worker gone once counted, before it knows", IsFast: false, WorkerDeaths.DieCounted),
        new("P4", "all workers killed, others come 10 s later", IsFast: false, WorkerDeaths.KillAll),
        new("P5", "worker hangs for 9 s, then wakes", IsFast: true, WorkerPauses.HangAndWake),
        new("P6", "worker with a tenth of a core", IsFast: false, WorkerPauses.Straggle),
        new("P8", "20 joins at once, flapping 5/s", IsFast: false, Joins.ManyAndFlapping),
        new("P9", "worker SIGTERM: idle, computing, joining", IsFast: false, WorkerPauses.Terminate),
        new("N6", "wire of 200 ± 100 ms, stalls 10 s", IsFast: false, Wires.DelayAndStall),
        new("N8", "flipped bits", IsFast: true, Wires.FlipBits),
        new("N9", "garbage at the port", IsFast: false, Strangers.Garbage),
        new("N10", "messages lost, repeated, late, overtaken", IsFast: true, Wires.UnreliableMessages),
        new("N12", "worker stops reading in mid-broadcast", IsFast: false, Wires.SlowReader),
        new("H1", "strangers", IsFast: true, Strangers.Refused),
    ];
}
