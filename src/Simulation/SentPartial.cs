using DistTrain.Transport.Wire;

namespace DistTrain.Simulation;

/// <summary>A partial as it was sent: what a network may bring again.</summary>
/// <param name="Messages">Header and chunks.</param>
internal sealed record SentPartial(IReadOnlyList<WorkerMessage> Messages);
