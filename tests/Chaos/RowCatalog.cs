using DistTrain.Chaos.Rows;

namespace DistTrain.Chaos;

/// <summary>All rows, in the order of docs/faults.md.</summary>
internal static class RowCatalog
{
    public static IReadOnlyList<Row> All { get; } =
    [
        new("P1", "worker killed while computing", IsFast: true, WorkerDeaths.KillComputing),
        new("P1b", "a hundred workers killed in one run", IsFast: false, WorkerDeaths.KillAHundred),
        new("P2", "worker gone in mid-upload", IsFast: false, WorkerDeaths.DieUploading),
        new("P3", "worker gone once counted, before it knows", IsFast: false, WorkerDeaths.DieCounted),
        new("P4", "all workers killed, others come 10 s later", IsFast: false, WorkerDeaths.KillAll),
        new("P5", "worker hangs for 9 s, then wakes", IsFast: true, WorkerPauses.HangAndWake),
        new("P6", "worker with a tenth of a core", IsFast: false, WorkerPauses.Straggle),
        new("P6b", "worker beats its heart and delivers nothing", IsFast: false, WorkerPauses.Swallow),
        new("P7", "worker dies of every lease", IsFast: false, Integrity.CrashLoop),
        new("P7b", "shard that kills whoever takes it", IsFast: false, Integrity.PoisonShard),
        new("P8", "20 joins at once, flapping 5/s", IsFast: false, Joins.ManyAndFlapping),
        new("P9", "worker SIGTERM: idle, computing, joining", IsFast: false, WorkerPauses.Terminate),
        new("P10", "coordinator killed: idle, in a step, saving", IsFast: true, CoordinatorFaults.Kill),
        new("P11", "coordinator stopped for 10 and 60 s", IsFast: false, CoordinatorFaults.Pause),
        new("P12", "coordinator SIGTERM, once and twice", IsFast: false, CoordinatorFaults.Terminate),
        new("P13", "two coordinators, one run directory", IsFast: false, CoordinatorFaults.Rivals),
        new("N1", "link cut for 1, 10 and 60 s", IsFast: false, Links.Partition),
        new("N2", "link cut in one direction", IsFast: false, Links.OneWay),
        new("N3", "connections reset by a firewall", IsFast: false, Links.Reset),
        new("N4", "link down without a word", IsFast: false, Links.Down),
        new("N5", "link of one megabit a second", IsFast: false, Links.Narrow),
        new("N6", "wire of 200 ± 100 ms, stalls 10 s", IsFast: false, Wires.DelayAndStall),
        new("N7", "5 % packet loss", IsFast: false, Links.Lossy),
        new("N8", "flipped bits", IsFast: true, Wires.FlipBits),
        new("N8b", "flipped bit in the run's description", IsFast: false, Wires.FlipWelcome),
        new("N9", "garbage at the port", IsFast: false, Strangers.Garbage),
        new("N10", "messages lost, repeated, late, overtaken", IsFast: true, Wires.UnreliableMessages),
        new("N11", "50 workers reconnect at once", IsFast: false, Limits.Storm),
        new("N12", "worker stops reading in mid-broadcast", IsFast: false, Wires.SlowReader),
        new("S1", "disk full", IsFast: true, Disks.Full),
        new("S2", "fsync and write fail", IsFast: false, Disks.Failing),
        new("S3", "crash at every operation of a save", IsFast: true, Saves.CrashEverywhere),
        new("S3b", "killed at system calls of a run that saves", IsFast: false, Disks.KilledAtCalls),
        new("S4", "damaged checkpoint", IsFast: true, Saves.Damage),
        new("S8", "exact resume after every step", IsFast: true, Saves.ResumeEverywhere),
        new("D1", "NaN from one worker", IsFast: true, Integrity.NotANumber),
        new("D2", "one flipped bit of a sum, audited", IsFast: true, Integrity.FlippedBit),
        new("D4", "workers of other vector widths", IsFast: false, Limits.OtherWidths),
        new("D5", "worker with a damaged data file", IsFast: false, Limits.DamagedData),
        new("T1", "wall clock an hour off", IsFast: false, _ => throw new RowNotRunException("setting the clock would hit everybody on this machine")),
        new("T2", "another monotonic clock", IsFast: false, _ => throw new RowNotRunException("not built: needs a time namespace per process")),
        new("T3", "no descriptors left for those who join", IsFast: false, Limits.NoDescriptors),
        new("T4", "whole cluster on a tenth of a core", IsFast: false, Limits.Starved),
        new("H4", "lying worker: sign, times 100, zero", IsFast: false, Integrity.Liar),
        new("Z1", "a lie that nobody audits: the judge must notice", IsFast: true, Integrity.JudgeNotices),
        new("H1", "strangers", IsFast: true, Strangers.Refused),
    ];
}
