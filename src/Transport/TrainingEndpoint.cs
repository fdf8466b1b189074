using DistTrain.Transport.Wire;
using Grpc.Core;

namespace DistTrain.Transport;

/// <summary>The service <c>Training</c> to be implemented: as the generated base, but for the marshallers of <see cref="AttachCall"/>.</summary>
[BindServiceMethod(typeof(TrainingEndpoint), nameof(BindService))]
public abstract class TrainingEndpoint
{
    /// <summary>Called by the server; there is no instance yet, or ever.</summary>
    public static void BindService(ServiceBinderBase binder, TrainingEndpoint? implementation)
    {
        binder.AddMethod(AttachCall.Method, implementation is null ? null : implementation.Attach);
        binder.AddMethod(Training.HeartbeatMethod, implementation is null ? null : implementation.Heartbeat);
    }

    /// <summary>The life of a worker in a run. Each message read goes to <see cref="AttachCall.Recycle(WorkerMessage)"/>.</summary>
    public abstract Task Attach(IAsyncStreamReader<WorkerMessage> requestStream, IServerStreamWriter<CoordinatorMessage> responseStream, ServerCallContext context);

    /// <summary>A sign of life.</summary>
    public abstract Task<HeartbeatReply> Heartbeat(HeartbeatRequest request, ServerCallContext context);
}
