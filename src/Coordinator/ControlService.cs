using System.Net.Sockets;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator;

/// <summary>(7) The operator's side of the coordinator: it checks who asks, and hands the wish to the run loop.</summary>
internal sealed class ControlService(ClusterRun run, CoordinatorOptions options, ILogger log) : Control.ControlBase
{
    /// <inheritdoc/>
    public override async Task<StatusReply> Status(StatusRequest request, ServerCallContext context)
    {
        Admit(request.Target, context);
        return ToWire(await run.StatusAsync() ?? throw Ended());
    }

    /// <inheritdoc/>
    public override async Task<PauseReply> Pause(PauseRequest request, ServerCallContext context) =>
        new() { Step = (await AskAsync(ControlVerb.Pause, request.Target, context)).Step };

    /// <inheritdoc/>
    public override async Task<ResumeReply> Resume(ResumeRequest request, ServerCallContext context) =>
        new() { Step = (await AskAsync(ControlVerb.Resume, request.Target, context)).Step };

    /// <inheritdoc/>
    public override async Task<CheckpointReply> Checkpoint(CheckpointRequest request, ServerCallContext context)
    {
        var (step, path) = await AskAsync(ControlVerb.Checkpoint, request.Target, context);
        return new CheckpointReply { Step = step, Path = path ?? "" };
    }

    /// <inheritdoc/>
    public override async Task<StopReply> Stop(StopRequest request, ServerCallContext context)
    {
        var (step, _) = await AskAsync(ControlVerb.Stop, request.Target, context);
        return new StopReply { Step = step, HasCheckpoint = run.KeepsCheckpoints };
    }

    /// <inheritdoc/>
    public override Task<ScaleReply> Scale(ScaleRequest request, ServerCallContext context)
    {
        Admit(request.Target, context);
        if (run.HasEnded)
        {
            throw Ended();
        }

        if (request.Workers > options.MaximumWorkers)
        {
            throw Refusal(StatusCode.InvalidArgument, $"This run takes at most {options.MaximumWorkers} workers (--max-workers); {request.Workers} are too many.");
        }

        var scale = run.Scale ?? throw Refusal(
            StatusCode.FailedPrecondition,
            "This run starts no workers of its own, so it cannot be scaled from here. Start one with 'disttrain worker --coordinator ADDRESS'; end one with 'kill PID': it hands back its lease and leaves.");
        Log.Scaled(log, request.Workers);
        return Task.FromResult(new ScaleReply
        {
            WorkersBefore = (uint)scale((int)request.Workers),
            StartTimeoutMilliseconds = (ulong)options.StartTimeout.TotalMilliseconds,
        });
    }

    private async Task<(ulong Step, string? Path)> AskAsync(ControlVerb verb, Target? target, ServerCallContext context)
    {
        Admit(target, context);
        // The wish stands even if nobody waits for the answer any more.
        var reply = await run.ControlAsync(verb).WaitAsync(context.CancellationToken);
        return reply.Failure is null ? ((ulong)reply.StepsDone, reply.Path)
            : reply.StepsDone < 0 ? throw Ended()
            : throw Refusal(
                verb == ControlVerb.Checkpoint && run.KeepsCheckpoints ? StatusCode.Aborted : StatusCode.FailedPrecondition, $"{verb}: {reply.Failure.TrimEnd('.')}.");
    }

    private void Admit(Target? target, ServerCallContext context)
    {
        // Where there are certificates, the gate has let nobody through but operators.
        if (options.Identity is null && ControlRules.RefusePeer(context.GetHttpContext().Connection.RemoteIpAddress, options.Listen is UnixDomainSocketEndPoint) is { } stranger)
        {
            Log.ControlRefused(log, HelloRules.Printable(context.Peer), HelloRules.Printable(context.Method));
            throw Refusal(StatusCode.PermissionDenied, stranger);
        }

        if (target is not null && ControlRules.RefuseTarget(target.Incarnation, target.ProcessId, run.Incarnation, Environment.ProcessId) is { } mistaken)
        {
            throw Refusal(StatusCode.FailedPrecondition, mistaken);
        }
    }

    private static RpcException Ended() => Refusal(StatusCode.Unavailable, "The run has ended.");

    private static RpcException Refusal(StatusCode code, string message) => new(new Status(code, message));

    private static StatusReply ToWire(RunStatus status)
    {
        var reply = new StatusReply
        {
            Phase = status.Phase switch
            {
                SessionPhase.WaitingForWorkers => RunPhase.WaitingForWorkers,
                SessionPhase.Paused => RunPhase.Paused,
                SessionPhase.Computing => RunPhase.Computing,
                SessionPhase.Committing => RunPhase.Committing,
                SessionPhase.Saving => RunPhase.Saving,
                _ => RunPhase.Ended,
            },
            Step = (ulong)status.Step,
            Steps = (ulong)status.Steps,
            Incarnation = status.Incarnation,
            WorkersNeeded = (uint)status.WorkersNeeded,
            WaitsFor = status.WaitsFor ?? "",
            SlowWorker = (uint)status.SlowWorker,
            Workers = { status.Workers.Select(ToWire) },
        };
        if (status.SavedAt >= 0)
        {
            reply.CheckpointStep = (ulong)status.SavedAt;
        }

        return reply;
    }

    private static WorkerReport ToWire(WorkerStatus worker)
    {
        var report = new WorkerReport
        {
            Id = (uint)worker.Info.Id,
            Name = worker.Info.Name,
            Host = worker.Info.Host,
            ProcessId = (uint)worker.Info.ProcessId,
            Threads = (uint)worker.Info.Threads,
            State = worker.State,
            Shards = (uint)worker.Shards,
            SilentMilliseconds = worker.SilentSeconds * Milliseconds,
        };
        if (double.IsFinite(worker.ComputeSeconds))
        {
            report.ComputeMilliseconds = worker.ComputeSeconds * Milliseconds;
        }

        if (double.IsFinite(worker.NetworkSeconds))
        {
            report.NetworkMilliseconds = worker.NetworkSeconds * Milliseconds;
        }

        if (double.IsFinite(worker.WaitSeconds))
        {
            report.WaitMilliseconds = worker.WaitSeconds * Milliseconds;
        }

        return report;
    }

    private const double Milliseconds = 1000;
}
