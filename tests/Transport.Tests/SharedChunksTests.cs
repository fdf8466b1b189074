using DistTrain.Transport.Wire;

namespace DistTrain.Transport.Tests;

public sealed class SharedChunksTests
{
    [Fact]
    public void MoveTo_OtherMemory_TheSameChunksAreOfIt()
    {
        var (old, next) = (AttachCallTests.Bytes(Protocol.ChunkBytes + 3), new byte[Protocol.ChunkBytes + 3]);
        var shared = new SharedChunks(old);
        var chunks = shared.Chunks.ToArray();
        Assert.Equal(old, chunks.SelectMany(chunk => chunk.Data));

        shared.MoveTo(next);

        Assert.Equal(next, chunks.SelectMany(chunk => chunk.Data));
        Assert.Throws<ArgumentOutOfRangeException>(() => shared.MoveTo(new byte[3]));
    }

    /// <summary>Whoever moves may change the old memory as soon as it returns: a stream that has begun to copy from it is waited for.</summary>
    [Fact]
    public async Task MoveTo_WhileAStreamCopies_WaitsForIt()
    {
        var old = AttachCallTests.Bytes(1000);
        var expected = old.ToArray();
        var shared = new SharedChunks(old);
        var chunk = shared.Chunks[0];
        var isMoved = Task.CompletedTask;
        var context = new Written(asked =>
        {
            // The first time is for the tags; the second is in the midst of copying, after the data was looked up.
            if (asked == 2)
            {
                var data = chunk.Data;
                isMoved = Task.Run(() =>
                {
                    shared.MoveTo(old.ToArray());
                    old.AsSpan().Clear();
                });
                SpinWait.SpinUntil(() => !ReferenceEquals(data, chunk.Data));
                Assert.False(SpinWait.SpinUntil(() => isMoved.IsCompleted, TimeSpan.FromMilliseconds(50)));
            }
        });

        var message = new CoordinatorMessage { Chunk = chunk };
        AttachCall.Method.ResponseMarshaller.ContextualSerializer(message, context);

        Assert.Equal(expected, context.Bytes[^1000..]);
        await isMoved.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(expected, chunk.Data);
    }
}
