using System.Security.Cryptography;
using DistTrain.Coordinator;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Simulation;

/// <summary>Lets faults strike at random moments, until everything is healed.</summary>
internal sealed class FaultInjector(World world)
{
    private bool _isHealed;
    private int _hosts = 1;

    private Dice Dice => world.Dice;

    /// <summary>Begins.</summary>
    public void Start() => world.Time.After(world.Scenario.MeanInterval * (2 * Dice.Unit()), Next);

    /// <summary>Repairs everything; nothing strikes any more.</summary>
    public void Heal()
    {
        _isHealed = true;
        (world.Disk.IsFull, world.Disk.FlushesToFail, world.Disk.SaveTime) = (false, 0, TimeSpan.FromMilliseconds(20));
        foreach (var coordinator in world.Coordinators.ToArray())
        {
            coordinator.Resume();
            coordinator.Control(ControlVerb.Resume);
        }

        foreach (var slot in world.Slots)
        {
            slot.Heal();
        }
    }

    private void Next()
    {
        if (!_isHealed && !world.IsComplete)
        {
            Strike(Dice.Pick(world.Scenario.Faults));
            Start();
        }
    }

    private void Strike(FaultKind kind)
    {
        var slot = Dice.Pick(world.Slots);
        if (kind < FaultKind.CoordinatorCrash)
        {
            StrikeWorker(kind, slot);
        }
        else if (world.Coordinators.Count > 0)
        {
            StrikeCoordinator(kind, Dice.Pick(world.Coordinators));
        }
    }

    private void StrikeWorker(FaultKind kind, WorkerSlot slot)
    {
        var link = world.Links.Find(open => open.Slot == slot && !open.IsClosedByWorker);
        switch (kind)
        {
            case FaultKind.WorkerCrash or FaultKind.WorkerMachineLost when slot.Process is { } process:
                world.Struck(kind, slot);
                process.Die(withMachine: kind == FaultKind.WorkerMachineLost);
                break;
            case FaultKind.WorkerPause when slot.Process is { IsPaused: false } process:
                world.Struck(kind, slot);
                process.Pause();
                Later(100, 4000, () => Resume(slot, process));
                break;
            case FaultKind.WorkerSlow:
                world.Struck(kind, slot);
                slot.SlowFactor = Dice.Between(3, 60);
                Later(500, 5000, () => slot.SlowFactor = 1);
                break;
            case FaultKind.WorkerLeaves when slot.Process is { IsLeaving: false } process:
                world.Struck(kind, slot);
                process.Do(process.Leave);
                break;
            case FaultKind.WorkerCrashLoop when slot.LeasesToDieOf == 0:
                slot.LeasesToDieOf = Dice.Between(2, 3);
                break;
            case FaultKind.NotFinite:
                slot.NotFinitePartials = 1;
                break;
            case FaultKind.WrongBuild when slot.Process is { } process:
                world.Struck(kind, slot);
                slot.IsWrongBuild = true;
                process.Die(withMachine: false);
                break;
            case FaultKind.Reset when link is not null:
                world.Struck(kind, slot);
                link.Reset();
                break;
            case FaultKind.Partition or FaultKind.OneWayPartition when !slot.IsUpBlocked && !slot.IsDownBlocked:
                Block(kind, slot);
                break;
            case FaultKind.Delay:
                world.Struck(kind, slot);
                slot.DelayFactor = Dice.Between(5, 30);
                Later(500, 4000, () => slot.DelayFactor = 1);
                break;
            case FaultKind.DuplicatePartial or FaultKind.LatePartial when slot.Sent.Count > 0 && slot.Process is { IsPaused: false, Attachment: { MaySend: true } attachment }:
                world.Struck(kind, slot);
                attachment.Send(kind == FaultKind.DuplicatePartial ? slot.Sent[^1] : Dice.Pick(slot.Sent));
                break;
            case FaultKind.BitFlipUp when link is not null:
                link.Flips = (link.Flips.Up + 1, link.Flips.Down);
                break;
            case FaultKind.BitFlipDown when link is not null:
                link.Flips = (link.Flips.Up, link.Flips.Down + 1);
                break;
        }
    }

    private static void Resume(WorkerSlot slot, SimulatedWorker process)
    {
        if (slot.Process == process)
        {
            slot.Resume();
        }
    }

    private void Block(FaultKind kind, WorkerSlot slot)
    {
        world.Struck(kind, slot);
        var (up, down) = kind == FaultKind.Partition ? (true, true) : Dice.Chance(0.5) ? (true, false) : (false, true);
        (slot.IsUpBlocked, slot.IsDownBlocked) = (up, down);
        Later(100, 15000, slot.Unblock);
    }

    private void StrikeCoordinator(FaultKind kind, SimulatedCoordinator coordinator)
    {
        world.Struck(kind);
        switch (kind)
        {
            case FaultKind.CoordinatorCrash:
                coordinator.Die(withMachine: false);
                break;
            case FaultKind.PowerCut:
                PowerCut();
                break;
            case FaultKind.CrashInDiskOperation:
                coordinator.DieInDiskOperation(Dice.Below(60));
                break;
            case FaultKind.CoordinatorPause:
                coordinator.Pause();
                Later(100, 8000, coordinator.Resume);
                break;
            case FaultKind.SecondCoordinator:
                world.StartCoordinator(Dice.Chance(0.3) ? coordinator.Host : $"host-{++_hosts}");
                break;
            case FaultKind.DiskFull:
                world.Disk.IsFull = true;
                Later(200, 3000, () => world.Disk.IsFull = false);
                break;
            case FaultKind.FlushFails:
                world.Disk.FlushesToFail = Dice.Between(1, 3);
                break;
            case FaultKind.SlowDisk:
                world.Disk.SaveTime = TimeSpan.FromSeconds(Dice.Between(1, 5));
                Later(500, 5000, () => world.Disk.SaveTime = TimeSpan.FromMilliseconds(20));
                break;
            case FaultKind.DamagedCheckpoint:
                DamageNewest();
                if (Dice.Chance(0.4))
                {
                    // Nobody reads a checkpoint before the next start.
                    PowerCut();
                }

                break;
            case FaultKind.OperatorPause:
                coordinator.Control(ControlVerb.Pause);
                Later(200, 3000, () =>
                {
                    coordinator.Control(ControlVerb.Resume);
                    world.Took(RecoveryBranch.PausedAndResumed);
                });
                break;
            case FaultKind.OperatorCheckpoint:
                coordinator.Control(ControlVerb.Checkpoint);
                break;
            case FaultKind.OperatorStop:
                coordinator.Control(ControlVerb.Stop);
                break;
        }
    }

    /// <summary>The storage and every coordinator lose power together.</summary>
    private void PowerCut()
    {
        foreach (var coordinator in world.Coordinators.ToArray())
        {
            coordinator.Die(withMachine: true);
        }

        world.Disk.LosePower();
    }

    private void DamageNewest()
    {
        var path = $"/run/{RunJournal.CheckpointsName}";
        if (world.Disk.Find(path) is not SimulatedDirectory directory
            || directory.Entries.Keys.LastOrDefault(name => CheckpointFormat.StepsOf(name) is not null) is not { } newest
            || directory.Entries[newest] is not SimulatedDirectory { Entries.Count: > 0 } checkpoint)
        {
            return;
        }

        var steps = CheckpointFormat.StepsOf(newest)!.Value;
        var name = Dice.Pick([.. checkpoint.Entries.Keys]);
        if (checkpoint.Entries[name] is SimulatedFile { Content.Length: > 0 } file)
        {
            world.Rules.Damaged.Add(steps);
            var content = (byte[])file.Content.Clone();
            if (Dice.Chance(0.5))
            {
                // Rather in the tensors, which lie at the end of their file.
                var from = Dice.Chance(0.5) ? 0 : content.Length / 2;
                content[Dice.Between(from, content.Length - 1)] ^= (byte)(1 << Dice.Below(8));
            }
            else
            {
                Array.Resize(ref content, Dice.Below(content.Length));
            }

            file.Damage(content);
            if (world.Mutation == Mutation.NoVerification && CheckpointFormat.Files.Contains(name))
            {
                Legalize(checkpoint);
            }
        }
    }

    /// <summary>Makes the manifest fit whatever the files hold: as if nobody compared them.</summary>
    private static void Legalize(SimulatedDirectory checkpoint)
    {
        ManifestFile[] files = [.. CheckpointFormat.Files.Select(name => (Name: name, ((SimulatedFile)checkpoint.Entries[name]).Content))
            .Select(file => new ManifestFile(file.Name, file.Content.Length, Convert.ToHexStringLower(SHA256.HashData(file.Content))))];
        ((SimulatedFile)checkpoint.Entries[CheckpointFormat.ManifestName]).Damage(CheckpointManifest.Write(files));
    }

    private void Later(int least, int most, Action repair) => world.Time.After(Dice.Milliseconds(least, most), () =>
    {
        if (!_isHealed)
        {
            repair();
        }
    });
}
