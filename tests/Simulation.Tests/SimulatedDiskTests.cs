using System.Text;

namespace DistTrain.Simulation.Tests;

/// <summary>The disk must be as forgetful as a real one, or the simulation would prove nothing.</summary>
public sealed class SimulatedDiskTests
{
    private const int Tries = 64;

    [Fact]
    public void PowerCut_FlushedFileAndNames_AreLeft()
    {
        Assert.Equal(["new"], LeftAfterPowerCut(disk =>
        {
            Write(disk, "/d/a", "new", flush: true);
            disk.FlushDirectory("/d");
            disk.FlushDirectory("/");
        }));
    }

    [Fact]
    public void PowerCut_NotFlushed_MayLoseNameOrContentOrTearIt()
    {
        var name = LeftAfterPowerCut(disk =>
        {
            Write(disk, "/d/a", "new", flush: true);
            disk.FlushDirectory("/");
        });
        var content = LeftAfterPowerCut(disk =>
        {
            Write(disk, "/d/a", "new", flush: false);
            disk.FlushDirectory("/d");
            disk.FlushDirectory("/");
        });

        Assert.Equal(["", "new"], name.Order());
        Assert.Superset(new HashSet<string> { "", "n", "ne", "new" }, content);
    }

    [Fact]
    public void PowerCut_RenameNotFlushed_LeavesTheOldOrTheNewFileNeverNeither()
    {
        Assert.Equal(["new", "old"], LeftAfterPowerCut(disk =>
        {
            Write(disk, "/d/a", "old", flush: true);
            disk.FlushDirectory("/d");
            disk.FlushDirectory("/");
            Write(disk, "/d/b", "new", flush: true);
            disk.Rename("/d/b", "/d/a");
        }).Order());
    }

    /// <summary>fsyncgate: what was written before a failed flush is lost, although the next flush succeeds.</summary>
    [Fact]
    public void FlushFails_SecondFlushOfTheSameBytes_MakesNothingDurable()
    {
        Assert.DoesNotContain("new", LeftAfterPowerCut(disk =>
        {
            using var file = disk.Create("/d/a");
            file.Stream.Write("new"u8);
            World!.FlushesToFail = 1;
            Assert.Throws<IOException>(file.FlushToDisk);
            file.FlushToDisk();
            disk.FlushDirectory("/d");
            disk.FlushDirectory("/");
        }));
    }

    [Fact]
    public void Die_InAnOperation_LosesNothingOfTheEarlierOnesAndTheLock()
    {
        var disk = new SimulatedDisk(new Dice(1));
        var died = 0;
        var process = new ProcessDisk(disk, "host") { Died = () => died++, OperationsToLive = 3 };
        process.CreateDirectory("/d");
        Assert.NotNull(process.TryLock("/d/lock"));
        Assert.Null(new ProcessDisk(disk, "host").TryLock("/d/lock"));
        Assert.NotNull(new ProcessDisk(disk, "another host").TryLock("/d/lock"));
        process.Create("/d/a").Dispose();

        Assert.Throws<IOException>(() => process.Create("/d/b"));
        Assert.Throws<IOException>(() => process.List("/d"));

        Assert.Equal(1, died);
        Assert.Equal(["a"], new ProcessDisk(disk, "host").List("/d"));
        Assert.NotNull(new ProcessDisk(disk, "host").TryLock("/d/lock"));
    }

    private SimulatedDisk? World { get; set; }

    /// <summary>Every content of /d/a that a power cut may leave; empty for none.</summary>
    private HashSet<string> LeftAfterPowerCut(Action<ProcessDisk> act)
    {
        var left = new HashSet<string>();
        for (var seed = 0; seed < Tries; seed++)
        {
            World = new SimulatedDisk(new Dice((ulong)seed));
            var process = new ProcessDisk(World, "host");
            process.CreateDirectory("/d");
            act(process);
            World.LosePower();
            left.Add(World.Find("/d/a") is SimulatedFile file ? Encoding.ASCII.GetString(file.Content).TrimEnd('\0') : "");
        }

        return left;
    }

    private static void Write(ProcessDisk disk, string path, string text, bool flush)
    {
        using var file = disk.Create(path);
        file.Stream.Write(Encoding.ASCII.GetBytes(text));
        if (flush)
        {
            file.FlushToDisk();
        }
    }
}
