namespace DistTrain.Transport.Identity;

/// <summary>What a certificate lets its holder do.</summary>
public enum PeerRole
{
    /// <summary>Nothing; no certificate has it.</summary>
    None,

    /// <summary>Compute in a run, and renew its certificate.</summary>
    Worker,

    /// <summary>Look at a run and steer it.</summary>
    Operator,

    /// <summary>Be the coordinator that workers and operators talk to.</summary>
    Coordinator,
}
