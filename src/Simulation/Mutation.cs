namespace DistTrain.Simulation;

/// <summary>A safeguard that is taken away on purpose: the simulation must notice, or it would prove nothing.</summary>
public enum Mutation
{
    /// <summary>The product as it is.</summary>
    None,

    /// <summary>A node that is counted already is counted again.</summary>
    NoDeduplication,

    /// <summary>A coordinator does not look whether another has taken the run over.</summary>
    NoFencing,

    /// <summary>Nothing is flushed to disk.</summary>
    NoFlush,

    /// <summary>Partials are added in the order they arrive.</summary>
    UnorderedSums,

    /// <summary>NaN passes for a number.</summary>
    NoFiniteGate,

    /// <summary>Partials of an older incarnation are taken for this one's.</summary>
    NoIncarnations,

    /// <summary>Nobody compares checksums.</summary>
    NoChecksums,

    /// <summary>A worker computes with whatever parameters it has.</summary>
    StaleParameters,

    /// <summary>Everybody may join, whatever bits they compute.</summary>
    NoKnownAnswer,

    /// <summary>Nobody computes a second time what a liar may have sent.</summary>
    NoAudit,

    /// <summary>The coordinator does not notice that time passes.</summary>
    NoTicks,
}
