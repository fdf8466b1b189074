using System.Net;
using System.Net.Sockets;
using DistTrain.Coordinator.Identity;
using DistTrain.Core;
using DistTrain.Transport;
using DistTrain.Transport.SharedMemory;

namespace DistTrain.Coordinator;

/// <summary>How a coordinator listens and how long it waits. Nothing here changes a bit of the result.</summary>
public sealed record CoordinatorOptions
{
    /// <summary>
    /// Where to listen: an <see cref="IPEndPoint"/>, port 0 takes any free one, or a <see cref="UnixDomainSocketEndPoint"/> with an absolute path, which only this user can
    /// connect to. Default 127.0.0.1:29500.
    /// </summary>
    public EndPoint Listen { get; init; } = new IPEndPoint(IPAddress.Loopback, Protocol.DefaultPort);

    /// <summary>Listen beyond loopback although nobody has to prove who they are; default false.</summary>
    public bool Insecure { get; init; }

    /// <summary>Who this coordinator is and whom it trusts: everything then goes over TLS, and everybody needs a certificate. Null, the default, for neither.</summary>
    public IdentityDirectory? Identity { get; init; }

    /// <summary>Where to make the memory that workers on this host share; null to exchange everything over gRPC. Default <c>/dev/shm</c>, null where that is not Linux.</summary>
    public string? SharedMemoryDirectory { get; init; } = RunSegment.IsSupported ? RunSegment.DefaultDirectory : null;

    /// <summary>The first step begins when so many workers are there; at least 1, default 1.</summary>
    public int WorkersToStart { get; init; } = 1;

    /// <summary>A later step begins only with so many workers; until then the run pauses and says so. At least 1, default 1.</summary>
    public int MinimumWorkers { get; init; } = 1;

    /// <summary>The share of the partials that a second worker computes too, bit by bit the same or a third decides; 0 to 1, default 0.</summary>
    public double AuditShare { get; init; }

    /// <summary>Save after each multiple of so many steps; 0, the default, for no such rule. With a recorder only.</summary>
    public long CheckpointSteps { get; init; }

    /// <summary>Save when the last save is so long ago; never by default. With a recorder only.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.MaxValue;

    /// <summary>More workers than this are refused for the time being; default 1,024.</summary>
    public int MaximumWorkers { get; init; } = 1024;

    /// <summary>How long to wait for <see cref="WorkersToStart"/> workers, or for any once all are gone; default 60 s.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A worker silent for so long, while this process itself was running, is lost; default 3 s.</summary>
    public TimeSpan DeadTime { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How often workers send a sign of life; below half of <see cref="DeadTime"/>, default 0.5 s.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>A lease is late after this, or after four times what leases usually take if that is longer; default 50 ms. An idle worker gets it too.</summary>
    public TimeSpan LeaseDeadline { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>A worker that has not delivered a lease after this is dropped, however alive it looks; default 10 min.</summary>
    public TimeSpan LeaseTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>A worker that does not read a chunk sent to it for so long is dropped; default 30 s.</summary>
    public TimeSpan SendDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A call that does not say hello for so long is closed, and a dead-time later a connection without any call; default 10 s.</summary>
    public TimeSpan HelloDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>At the end, workers have so long to say goodbye; default 2 s.</summary>
    public TimeSpan GoodbyeDeadline { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Asked to stop, the step that is being computed has so long; then the run ends without it, and computes it when it goes on. Default 15 s, which with the
    /// goodbyes leaves 8 s of <see cref="StopGrace"/> for the checkpoint.
    /// </summary>
    public TimeSpan StopDeadline { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long whoever stops a coordinator's process lets it live at least: the grace period of a container or pod is longer.</summary>
    public static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(25);

    /// <summary>How often to say whom the run waits for; default 5 s.</summary>
    public TimeSpan WaitingReportInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Checks ranges, and that nobody listens to strangers by accident.</summary>
    /// <exception cref="InvalidInputException">The message says what to change.</exception>
    public void Validate()
    {
        if (WorkersToStart < 1 || MaximumWorkers < WorkersToStart)
        {
            throw new InvalidInputException($"A coordinator starts with {WorkersToStart} workers and takes at most {MaximumWorkers}: at least 1, and not more than it takes.");
        }

        if (MinimumWorkers < 1 || MinimumWorkers > MaximumWorkers)
        {
            throw new InvalidInputException($"A run that needs {MinimumWorkers} workers and takes at most {MaximumWorkers} cannot go on: the minimum is from 1 to the maximum.");
        }

        if (AuditShare is not (>= 0 and <= 1))
        {
            throw new InvalidInputException($"The audited share is {AuditShare}; it must be from 0 to 1.");
        }

        foreach (var (name, value) in Durations())
        {
            if (value <= TimeSpan.Zero)
            {
                throw new InvalidInputException($"{name} is {value.TotalSeconds} s; it must be above 0.");
            }
        }

        if (HeartbeatInterval * 2 > DeadTime)
        {
            throw new InvalidInputException(
                $"A heartbeat every {HeartbeatInterval.TotalSeconds} s is too seldom for a dead-time of {DeadTime.TotalSeconds} s; it must be at most half of it.");
        }

        if (Listen is not (IPEndPoint or UnixDomainSocketEndPoint))
        {
            throw new InvalidInputException($"Cannot listen on {Listen}: it is neither an IP address with a port nor the path of a socket.");
        }

        if (Listen is IPEndPoint network && !IPAddress.IsLoopback(network.Address) && Identity is null && !Insecure)
        {
            throw new InvalidInputException(
                $"Listening on {Listen} would let anybody who reaches this host join the run. Listen on 127.0.0.1, give --identity DIR, or add --insecure if the network is private.");
        }

        if (Identity is not null && (Insecure || Listen is not IPEndPoint))
        {
            throw new InvalidInputException(
                $"Certificates and {(Insecure ? "--insecure" : $"a socket in the file system, {CoordinatorAddress.Text(Listen)},")} do not go together: leave one of the two out.");
        }
    }

    private IEnumerable<(string Name, TimeSpan Value)> Durations() =>
    [
        ("The start timeout", StartTimeout),
        ("The dead-time", DeadTime),
        ("The heartbeat interval", HeartbeatInterval),
        ("The lease deadline", LeaseDeadline),
        ("The lease timeout", LeaseTimeout),
        ("The send deadline", SendDeadline),
        ("The hello deadline", HelloDeadline),
        ("The goodbye deadline", GoodbyeDeadline),
        ("The stop deadline", StopDeadline),
        ("The waiting report interval", WaitingReportInterval),
    ];
}
