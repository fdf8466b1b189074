namespace DistTrain.Transport.Tests;

public sealed class ChunkReaderTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Protocol.ChunkBytes - 1)]
    [InlineData(Protocol.ChunkBytes)]
    [InlineData(Protocol.ChunkBytes + 1)]
    [InlineData((3 * Protocol.ChunkBytes) + 17)]
    public void Accept_ChunksOfATensor_GivesTheSameBytes(int length)
    {
        var bytes = Enumerable.Range(0, length).Select(i => (byte)(i * 7)).ToArray();
        var received = new byte[length];
        var reader = new ChunkReader();
        reader.Begin(received);
        var chunks = Chunks.Of(bytes).ToArray();

        Assert.Equal((length + Protocol.ChunkBytes - 1) / Protocol.ChunkBytes, chunks.Length);
        for (var i = 0; i < chunks.Length; i++)
        {
            Assert.True(reader.IsReceiving);
            Assert.Equal(i == chunks.Length - 1 ? ChunkStatus.Complete : ChunkStatus.Incomplete, reader.Accept(chunks[i].Data.Span));
        }

        Assert.False(reader.IsReceiving);
        Assert.Equal(bytes, received);
        Assert.Equal(ChunkStatus.Unexpected, reader.Accept([1]));
    }

    [Theory]
    [InlineData(0, ChunkStatus.WrongSize)]
    [InlineData(Protocol.MaximumChunkBytes + 1, ChunkStatus.WrongSize)]
    [InlineData(11, ChunkStatus.BeyondLength)]
    public void Accept_WrongChunk_WritesNothing(int length, ChunkStatus expected)
    {
        var received = new byte[length > 11 ? length * 2 : 10];
        var reader = new ChunkReader();
        reader.Begin(received);

        Assert.Equal(expected, reader.Accept(Enumerable.Repeat((byte)1, length).ToArray()));

        Assert.All(received, value => Assert.Equal(0, value));
        Assert.True(reader.IsReceiving);
    }

    [Fact]
    public void Accept_NothingAnnounced_IsUnexpected() => Assert.Equal(ChunkStatus.Unexpected, new ChunkReader().Accept([1]));

    [Fact]
    public void Begin_WhileReceiving_IsMisuseUntilAbandoned()
    {
        var reader = new ChunkReader();
        reader.BeginDiscarding(5);
        Assert.Equal(ChunkStatus.Incomplete, reader.Accept([1, 2]));

        Assert.Throws<InvalidOperationException>(() => reader.Begin(new byte[3]));

        reader.Abandon();
        reader.Begin(new byte[1]);
        Assert.Equal(ChunkStatus.Complete, reader.Accept([1]));
    }

    [Fact]
    public void BeginDiscarding_MoreThanAnyMemory_IsCountedAndDropped()
    {
        var reader = new ChunkReader();
        reader.BeginDiscarding(long.MaxValue);

        Assert.Equal(ChunkStatus.Incomplete, reader.Accept(new byte[Protocol.MaximumChunkBytes]));
    }
}
