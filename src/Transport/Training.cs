using Grpc.Core;

namespace DistTrain.Transport.Wire;

/// <content>What the generated code keeps to itself.</content>
public static partial class Training
{
    /// <summary>The method <c>Heartbeat</c>.</summary>
    internal static Method<HeartbeatRequest, HeartbeatReply> HeartbeatMethod => __Method_Heartbeat;
}
