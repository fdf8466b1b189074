using System.Text;
using CsCheck;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Core.Tests.Checkpoints;

public sealed class RunLockTests
{
    private static readonly RunHolder Holder = new("alpha", 17, new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));

    private static readonly string[] Snippets = ["", "null", "-1", "\"", "{", "1e999", "\\ud800", "9999999999999999999999"];

    private readonly SimulatedDisk _disk = new();
    private readonly List<string> _warnings = [];

    public static TheoryData<bool> Disks => [false, true];

    [Theory]
    [MemberData(nameof(Disks))]
    public void Take_HeldByAnother_IsRefusedNamingTheHolder(bool real)
    {
        using var temporary = new TemporaryDirectory();
        IFileSystem files = real ? DiskFileSystem.Instance : _disk;
        var run = Path.Combine(temporary.Path, "run");
        using (var held = RunLock.Take(files, run, Holder, () => 0, _warnings.Add))
        {
            Assert.Equal(1UL, held.Incarnation);
            var refusal = Assert.Throws<InvalidInputException>(() => RunLock.Take(files, run, Holder, () => 0, _warnings.Add));
            Assert.Equal(
                $"The run directory {run} is in use by process 17 on alpha, since 2026-03-01T12:00:00.0000000Z. Stop that run first, or give --out another directory.",
                refusal.Message);
            held.Announce("10.0.0.1:29500");
            Assert.Contains(", at 10.0.0.1:29500.", Assert.Throws<InvalidInputException>(() => RunLock.Take(files, run, Holder, () => 0, _warnings.Add)).Message, StringComparison.Ordinal);
            held.EnsureNotFenced();
            Assert.Equal((1UL, Holder with { Address = "10.0.0.1:29500" }), RunLock.Read(files, run));
        }

        using var next = RunLock.Take(files, run, Holder, () => 0, _warnings.Add);
        Assert.Equal(2UL, next.Incarnation);
        Assert.Empty(_warnings);
    }

    /// <summary>Whoever made the directory died before its name was durable: all that the run saves would go with it.</summary>
    [Fact]
    public void Take_DirectoryLeftByADeadProcess_MakesItsNameDurable()
    {
        _disk.CreateDirectory("/run");

        using var taken = RunLock.Take(_disk, "/run", Holder, () => 0, _warnings.Add);

        Assert.Equal(1UL, RunLock.Read(_disk.Restart(CrashKind.LosesUnflushed), "/run")!.Value.Incarnation);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(41, 42)]
    public void Take_HigherIncarnationSaved_GoesOnFromThat(ulong saved, ulong expected)
    {
        using var taken = RunLock.Take(_disk, "/run", Holder, () => saved, _warnings.Add);
        Assert.Equal(expected, taken.Incarnation);
        // It is durable before anything is done under it.
        Assert.Equal(expected, RunLock.Read(_disk.Restart(CrashKind.LosesUnflushed), "/run")!.Value.Incarnation);
    }

    [Fact]
    public void Take_FileDamaged_WarnsAndGoesOnFromWhatIsSaved()
    {
        _disk.CreateDirectory("/run");
        _disk["/run/incarnation.json"] = "{"u8.ToArray();
        using var taken = RunLock.Take(_disk, "/run", Holder, () => 4, _warnings.Add);
        Assert.Equal(5UL, taken.Incarnation);
        Assert.StartsWith("/run/incarnation.json", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Take_IncarnationAtItsEnd_IsRefused()
    {
        Assert.Throws<InvalidInputException>(() => RunLock.Take(_disk, "/run", Holder, () => ulong.MaxValue, _warnings.Add));
        RunLock.Take(_disk, "/run", Holder, () => 0, _warnings.Add).Dispose();
    }

    /// <summary>On storage that two hosts share, the lock may hold nobody back.</summary>
    [Fact]
    public void EnsureNotFenced_TakenOverByAnotherHost_Throws()
    {
        using var old = RunLock.Take(_disk, "/run", Holder, () => 0, _warnings.Add);
        old.EnsureNotFenced();
        var otherHost = _disk.Clone();
        using var successor = RunLock.Take(otherHost, "/run", Holder with { Host = "beta" }, () => 0, _warnings.Add);
        successor.EnsureNotFenced();
        _disk["/run/incarnation.json"] = otherHost["/run/incarnation.json"];
        var superseded = Assert.Throws<SupersededException>(old.EnsureNotFenced);
        Assert.Contains("incarnation 2 by process 17 on beta", superseded.Message, StringComparison.Ordinal);
        Assert.Throws<SupersededException>(() => old.Announce("a:1"));
        Assert.Equal(2UL, RunLock.Read(_disk, "/run")!.Value.Incarnation);
    }

    /// <summary>Both raised the same number at the same moment: the file says who was last.</summary>
    [Fact]
    public void EnsureNotFenced_SameNumberOfAnotherHolder_Throws()
    {
        var otherHost = _disk.Clone();
        using var first = RunLock.Take(_disk, "/run", Holder, () => 0, _warnings.Add);
        using var second = RunLock.Take(otherHost, "/run", Holder with { ProcessId = 18 }, () => 0, _warnings.Add);
        _disk["/run/incarnation.json"] = otherHost["/run/incarnation.json"];
        Assert.Throws<SupersededException>(first.EnsureNotFenced);
    }

    [Fact]
    public void EnsureNotFenced_CannotBeFoundOut_IsAnIOException()
    {
        using var held = RunLock.Take(_disk, "/run", Holder, () => 0, _warnings.Add);
        _disk["/run/incarnation.json"] = [];
        Assert.Throws<IOException>(held.EnsureNotFenced);
        _disk.Before = (_, _) => throw new IOException("Stale file handle");
        Assert.Throws<IOException>(held.EnsureNotFenced);
    }

    [Fact]
    public void Take_DiskFails_GivesTheLockBack()
    {
        _disk.Before = (call, _) =>
        {
            if (call == DiskCall.FlushFile)
            {
                throw new IOException("Input/output error");
            }
        };
        Assert.Throws<IOException>(() => RunLock.Take(_disk, "/run", Holder, () => 0, _warnings.Add));
        _disk.Before = null;
        RunLock.Take(_disk, "/run", Holder, () => 0, _warnings.Add).Dispose();
    }

    /// <summary>H5.</summary>
    [Fact]
    public void Read_AnyBytes_AreReadOrRefused()
    {
        RunLock.Take(_disk, "/run", Holder, () => 0, _warnings.Add).Dispose();
        var whole = _disk["/run/incarnation.json"];
        var (read, refused) = (0, 0);
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Int[0, 20], Gen.Int[0, Snippets.Length - 1]).Sample((place, length, snippet) =>
        {
            var disk = new SimulatedDisk();
            disk.CreateDirectory("/run");
            disk["/run/incarnation.json"] = [.. whole[..place], .. Encoding.UTF8.GetBytes(Snippets[snippet]), .. whole[Math.Min(place + length, whole.Length)..]];
            try
            {
                _ = RunLock.Read(disk, "/run");
                Interlocked.Increment(ref read);
            }
            catch (InvalidInputException e)
            {
                Assert.StartsWith("/run/incarnation.json", e.Message, StringComparison.Ordinal);
                Interlocked.Increment(ref refused);
            }
        }, iter: 5000);
        Assert.True(read > 0 && refused > 1000, $"{read} read, {refused} refused");
    }
}
