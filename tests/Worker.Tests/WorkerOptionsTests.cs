using DistTrain.Core;

namespace DistTrain.Worker.Tests;

public sealed class WorkerOptionsTests
{
    [Theory]
    [InlineData("127.0.0.1:5000", "http://127.0.0.1:5000/")]
    [InlineData("coordinator", "http://coordinator:29500/")]
    [InlineData("coordinator:80", "http://coordinator:80/")]
    [InlineData("http://coordinator:5000/", "http://coordinator:5000/")]
    [InlineData("[::1]:5000", "http://[::1]:5000/")]
    [InlineData("[::1]", "http://[::1]:29500/")]
    public void Address_HostAndPort_IsTheUri(string text, string uri) =>
        Assert.Equal(new Uri(uri), new WorkerOptions { Coordinator = text }.Address());

    [Fact]
    public void SocketFile_OfAPath_IsAbsoluteAndOfAHostNone()
    {
        Assert.Equal(Path.GetFullPath("a b.sock"), new WorkerOptions { Coordinator = "unix:a b.sock" }.SocketFile()!.ToString());
        Assert.Null(new WorkerOptions { Coordinator = "unix" }.SocketFile());
    }

    [Theory]
    [InlineData("unix:", "the path of a socket")]
    [InlineData("unix:\0name", "the path of a socket")]
    [InlineData("unix:/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "has 108 bytes, and that of a socket at most 107")]
    public void Validate_NoPathOfASocket_SaysWhy(string text, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidInputException>(() => new WorkerOptions { Coordinator = text }.Validate()).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData(":5000")]
    [InlineData("host:70000")]
    [InlineData("host:port")]
    [InlineData("https://host:5000")]
    [InlineData("host:5000/path")]
    [InlineData("a host")]
    public void Validate_NoAddress_NamesItAndTheCure(string text)
    {
        var e = Assert.Throws<InvalidInputException>(() => new WorkerOptions { Coordinator = text }.Validate());

        Assert.Contains($"'{text}' is no coordinator address; it must be HOST:PORT", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 1, 1, 1, "The number of threads is 0")]
    [InlineData(1, 0, 1, 1, "The start timeout is 0 s")]
    [InlineData(1, 1, -1, 1, "The reconnect timeout is -1 s")]
    [InlineData(1, 1, 1, 0, "The finish timeout is 0 s")]
    public void Validate_OutOfRange_SaysWhat(int threads, int start, int reconnect, int finish, string message)
    {
        var options = new WorkerOptions
        {
            Coordinator = "host",
            Threads = threads,
            StartTimeout = TimeSpan.FromSeconds(start),
            ReconnectTimeout = TimeSpan.FromSeconds(reconnect),
            FinishTimeout = TimeSpan.FromSeconds(finish),
        };

        Assert.StartsWith(message, Assert.Throws<InvalidInputException>(options.Validate).Message, StringComparison.Ordinal);
    }
}
