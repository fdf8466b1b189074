namespace DistTrain.Transport.Wire;

/// <content>What a chunk knows beside what is sent of it.</content>
public sealed partial class Chunk
{
    /// <summary>The memory of a chunk that was received and will be used again; null if <see cref="Data"/> is the chunk's own.</summary>
    internal byte[]? Lent { get; set; }

    /// <summary>Whose memory <see cref="Data"/> is while it may be exchanged; null if it stays.</summary>
    internal SharedChunks? Shared { get; set; }
}
