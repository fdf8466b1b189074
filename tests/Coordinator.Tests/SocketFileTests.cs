using System.Diagnostics;
using System.Net.Sockets;
using DistTrain.Core;

namespace DistTrain.Coordinator.Tests;

/// <summary>What may lie at the path that a coordinator is to listen on.</summary>
/// <remarks>Broken on purpose, and it failed: a leftover is not looked at again when it has been moved away; any file that nobody answers at is replaced.</remarks>
public sealed class SocketFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-socket-").FullName;
    private readonly string _path;

    public SocketFileTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "What is no socket is told by Linux' answer.");
        _path = Path.Combine(_directory, "it.sock");
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Listen_SomebodyElseDoes_IsRefusedAndTheOtherIsStillFound()
    {
        using var other = SocketFile.Listen(_path);

        Refused("Somebody listens on unix:");

        Call();
    }

    /// <summary>Two coordinators that start at once where one was killed: one of them has it, and is found.</summary>
    [Fact]
    public async Task Listen_TwoAtOnceOverALeftover_OneDoesAndIsFound()
    {
        for (var round = 0; round < 50; round++)
        {
            LeaveOne();
            using var start = new Barrier(2);
            var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                start.SignalAndWait(TestContext.Current.CancellationToken);
                try
                {
                    return SocketFile.Listen(_path);
                }
                catch (InvalidInputException)
                {
                    return null;
                }
            })));

            using var one = Assert.Single(both, socket => socket is not null);
            Call();
            Assert.Equal([_path], Directory.EnumerateFileSystemEntries(_directory));
        }
    }

    [Fact]
    public void Listen_AFileIsThere_IsRefusedAndItStays()
    {
        File.WriteAllText(_path, "mine");

        Refused("is no socket");

        Assert.Equal("mine", File.ReadAllText(_path));
    }

    [Fact]
    public void Listen_ADirectoryIsThere_IsRefusedAndItStays()
    {
        Directory.CreateDirectory(_path);

        Refused("Cannot listen on unix:");

        Assert.True(Directory.Exists(_path));
    }

    /// <summary>Who opens a pipe waits for its other end.</summary>
    [Fact]
    public void Listen_APipeIsThere_IsRefusedWithoutWaiting()
    {
        using (var made = Process.Start("mkfifo", [_path]))
        {
            made.WaitForExit();
        }

        Refused("is no socket");
    }

    [Fact]
    public void Listen_ALinkToNothingIsThere_IsRefusedAndItStays()
    {
        File.CreateSymbolicLink(_path, Path.Combine(_directory, "nothing"));

        Refused("Cannot listen on unix:");

        Assert.NotNull(new FileInfo(_path).LinkTarget);
    }

    [Fact]
    public void Listen_InADirectoryWithALongPath_IsRefused()
    {
        var path = Path.Combine(_directory, new string('a', 100 - _directory.Length), "s");

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);

        Assert.Contains("bytes too long", Assert.Throws<InvalidInputException>(() => SocketFile.Listen(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TryRemove_WithAndWithoutAListener_RemovesOnlyWhatIsDead()
    {
        using (SocketFile.Listen(_path))
        {
            Assert.False(SocketFile.TryRemove(_path));
            Call();
        }

        Assert.True(SocketFile.TryRemove(_path));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory));
        Assert.True(SocketFile.TryRemove(_path));
    }

    private void Refused(string why)
    {
        var before = Directory.GetFileSystemEntries(_directory);
        var message = Assert.Throws<InvalidInputException>(() => SocketFile.Listen(_path)).Message;
        Assert.Contains(why, message, StringComparison.Ordinal);
        Assert.Contains(_path, message, StringComparison.Ordinal);
        Assert.Equal(before, Directory.GetFileSystemEntries(_directory));
    }

    private void LeaveOne() => SocketFile.Listen(_path).Dispose();

    private void Call()
    {
        using var caller = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        caller.Connect(new UnixDomainSocketEndPoint(_path));
    }
}
