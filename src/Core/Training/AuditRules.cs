namespace DistTrain.Core.Training;

/// <summary>Which nodes two workers compute.</summary>
internal static class AuditRules
{
    /// <summary>Whether a node is among the share, by a random number that no worker can foresee better than the run's seed: the same for every cut.</summary>
    public static bool IsChosen(ulong seed, Round round, ShardRange node, double share) =>
        RandomStream.ToUnit(new RandomStream(seed, RandomPurpose.Audit, (int)round.Kind, round.Version, node.Start).Bits32(node.End)) <= share;
}
