namespace DistTrain.Transport.Tests;

public sealed class GradientReaderTests
{
    /// <summary>Length, and where its parameters end.</summary>
    public static TheoryData<int, int> Tensors => new()
    {
        { 0, 0 }, { 0, 100 }, { 4, 4 }, { 12, 8 }, { Protocol.ChunkBytes, Protocol.ChunkBytes }, { Protocol.ChunkBytes + 4, Protocol.ChunkBytes }, { Protocol.ChunkBytes + 8, Protocol.ChunkBytes + 4 },
        { (3 * Protocol.ChunkBytes) + 16, (2 * Protocol.ChunkBytes) + 4 }, { 12, 0 },
    };

    [Theory]
    [MemberData(nameof(Tensors))]
    public void Accept_ChunksFromTheEnd_GivesTheSameBytes(int length, int parameterBytes)
    {
        var bytes = AttachCallTests.Bytes(length);
        var received = new byte[length];
        var reader = new GradientReader(received, parameterBytes);
        var discarding = new GradientReader((long)length, parameterBytes);
        foreach (var (start, chunk) in Chunks.FromTheEnd(bytes, parameterBytes, number: 7))
        {
            Assert.False(reader.IsComplete);
            Assert.Equal(7U, chunk.Partial);
            Assert.Equal(bytes.AsSpan(start, chunk.Data.Length), chunk.Data.Span);
            Assert.Equal(reader.Accept(chunk.Data.Span), discarding.Accept(chunk.Data.Span));
        }

        Assert.True(reader.IsComplete);
        Assert.True(discarding.IsComplete);
        Assert.Equal(bytes, received);
        Assert.Equal(ChunkStatus.Unexpected, reader.Accept([1]));
    }

    /// <summary>The first chunk that is sent is the end of the last layer; buffers come last.</summary>
    [Fact]
    public void FromTheEnd_ParametersAndBuffers_ParametersComeFirst() => Assert.Equal(
        [4, 0, Protocol.ChunkBytes + 4],
        Chunks.FromTheEnd(new byte[Protocol.ChunkBytes + 12], Protocol.ChunkBytes + 4, 1).Select(chunk => chunk.Start));

    [Theory]
    [InlineData(0, ChunkStatus.WrongSize)]
    [InlineData(Protocol.MaximumChunkBytes + 1, ChunkStatus.WrongSize)]
    [InlineData(6, ChunkStatus.BeyondLength)]
    [InlineData(9, ChunkStatus.BeyondLength)]
    public void Accept_WrongChunk_WritesNothing(int length, ChunkStatus expected)
    {
        // Of 8 bytes of parameters 5 are left, and none of them may come with what lies behind the parameters.
        var received = new byte[12];
        var reader = new GradientReader(received, 8);
        Assert.Equal(ChunkStatus.Incomplete, reader.Accept([1, 2, 3]));
        var before = received.ToArray();

        Assert.Equal(expected, reader.Accept(new byte[length]));

        Assert.Equal(before, received);
        Assert.Equal(new byte[] { 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0 }, received);
    }
}
