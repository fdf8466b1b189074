using System.Net.Sockets;
using DistTrain.Coordinator;
using DistTrain.Transport.SharedMemory;

namespace DistTrain.Cluster.Tests;

/// <summary>A coordinator that listens on a socket's file: the same bits, with shared memory and with tensors over the socket.</summary>
/// <remarks>Broken on purpose, and it failed: the file stays; it gets its usual mode.</remarks>
public sealed class SocketFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-socket-").FullName;

    public SocketFileTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "A coordinator makes no sockets there.");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    public async Task Training_OverASocket_SameHashAndNothingIsLeft(int workers, bool sharesMemory)
    {
        sharesMemory &= RunSegment.IsSupported;
        var spec = SmallRun.Spec(steps: 25);
        var path = Path.Combine(_directory, "training.sock");
        var options = new CoordinatorOptions
        {
            Listen = new UnixDomainSocketEndPoint(path),
            WorkersToStart = workers,
            StartTimeout = TimeSpan.FromSeconds(30),
        };
        await using (var cluster = await TestCluster.StartAsync(spec, options))
        {
            Assert.Equal($"unix:{path}", cluster.Run.Address);
            Assert.Equal([path], Directory.EnumerateFileSystemEntries(_directory));
#pragma warning disable CA1416 // Skipped on Windows.
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
#pragma warning restore CA1416
            for (var i = 0; i < workers; i++)
            {
                cluster.StartWorker("--transport", sharesMemory ? "auto" : "grpc");
            }

            Assert.Equal(SmallRun.SingleProcessHash(spec), await cluster.FinalHashAsync());

            Assert.Equal(workers, cluster.Joined.Count);
            Assert.All(cluster.Joined, worker => Assert.Equal((sharesMemory, $"unix:{path}"), (worker.SharesMemory, worker.Peer)));
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory));
    }
}
