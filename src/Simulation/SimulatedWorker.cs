using DistTrain.Core.Training;
using DistTrain.Transport.Wire;
using DistTrain.Worker;

namespace DistTrain.Simulation;

/// <summary>A worker's process: attaches, computes, and attaches again, by the rules of <see cref="WorkerRole"/>.</summary>
internal sealed class SimulatedWorker : SimulatedProcess
{
    private static readonly TimeSpan WelcomeDeadline = TimeSpan.FromSeconds(10);

    private readonly World _world;
    private readonly Backoff _backoff;
    private bool _wasAttached;

    /// <summary>A process that has not begun.</summary>
    public SimulatedWorker(World world, WorkerSlot slot)
        : base(world.Time)
    {
        (_world, Slot) = (world, slot);
        _backoff = new Backoff(world.Dice.Unit);
    }

    /// <summary>Where it runs.</summary>
    public WorkerSlot Slot { get; }

    /// <summary>Its attachment; null while it waits to try again.</summary>
    public SimulatedAttachment? Attachment { get; private set; }

    /// <summary>Whether it was asked to leave.</summary>
    public bool IsLeaving { get; private set; }

    /// <summary>Begins to look for the coordinator.</summary>
    public void Start()
    {
        _world.Trace.Add($"{Slot.Name} starts");
        After(_world.Dice.Milliseconds(1, 100), Attach);
    }

    /// <summary>A message has come, or with null the end of the connection.</summary>
    public void Receive(Link link, CoordinatorMessage? message)
    {
        if (Attachment?.Link == link)
        {
            Attachment.Receive(message);
        }
    }

    /// <summary>Asks it to leave in order.</summary>
    public void Leave()
    {
        IsLeaving = true;
        if (Attachment is { } attachment)
        {
            attachment.Leave();
        }
        else
        {
            Exit(WorkerOutcome.Done);
        }
    }

    /// <summary>An attachment is welcome.</summary>
    public void Welcomed()
    {
        _backoff.Reset();
        if (_wasAttached)
        {
            _world.Took(RecoveryBranch.Reattached);
        }

        _wasAttached = true;
    }

    /// <summary>The attachment has ended.</summary>
    /// <param name="exitCode">What the process ends with; null to attach again.</param>
    public void AttachmentEnded(int? exitCode)
    {
        Attachment!.Dispose();
        Attachment = null;
        if (exitCode is { } code || IsLeaving)
        {
            Exit(exitCode ?? WorkerOutcome.Done);
        }
        else
        {
            After(_backoff.Next(), Attach);
        }
    }

    /// <summary>It dies.</summary>
    /// <param name="withMachine">So that nothing closes its connections.</param>
    public void Die(bool withMachine)
    {
        if (Attachment is { } attachment)
        {
            Attachment = null;
            attachment.Dispose();
            if (withMachine)
            {
                attachment.Link.Vanish(isWorkers: true);
            }
            else
            {
                attachment.Link.CloseByWorker();
            }
        }

        End();
        Slot.Ended(exitCode: 137);
    }

    private void Exit(int exitCode)
    {
        End();
        Slot.Ended(exitCode);
    }

    private void Attach()
    {
        if (_world.Address is not { IsAlive: true, IsListening: true } coordinator)
        {
            After(_backoff.Next(), Attach);
            return;
        }

        var attachment = new SimulatedAttachment(_world, this, new Link(_world, Slot, this, coordinator));
        Attachment = attachment;
        attachment.SayHello();
        After(WelcomeDeadline, () =>
        {
            if (Attachment == attachment && !attachment.IsAnswered)
            {
                attachment.End(null);
            }
        });
    }
}
