using System.Net;
using DistTrain.Transport.Wire;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistTrain.Cluster.Tests;

/// <summary>Somebody who looks at a run and steers it over the wire.</summary>
internal sealed class Operator(IPEndPoint coordinator) : IDisposable
{
    private readonly GrpcChannel _channel = GrpcChannel.ForAddress($"http://{coordinator}");

    public Task<StatusReply> StatusAsync() => Control.StatusAsync(new StatusRequest(), Options).ResponseAsync;

    public Task<PauseReply> PauseAsync() => Control.PauseAsync(new PauseRequest(), Options).ResponseAsync;

    public Task<ResumeReply> ResumeAsync() => Control.ResumeAsync(new ResumeRequest(), Options).ResponseAsync;

    public Task<CheckpointReply> CheckpointAsync() => Control.CheckpointAsync(new CheckpointRequest(), Options).ResponseAsync;

    public Task<StopReply> StopAsync(Target? target = null) => Control.StopAsync(new StopRequest { Target = target }, Options).ResponseAsync;

    public Task<ScaleReply> ScaleAsync(uint workers) => Control.ScaleAsync(new ScaleRequest { Workers = workers }, Options).ResponseAsync;

    public void Dispose() => _channel.Dispose();

    private Control.ControlClient Control => new(_channel);

    private static CallOptions Options => new(
        deadline: (TimeProvider.System.GetUtcNow() + TestCluster.Patience).UtcDateTime, cancellationToken: TestContext.Current.CancellationToken);
}
