using System.Globalization;
using DistTrain.Core.Checkpoints;

namespace DistTrain.Core.Tests.Checkpoints;

public sealed class HashChainLogTests : IDisposable
{
    private const string Path = "/run/chain.bin";

    private readonly SimulatedDisk _disk = new();
    private readonly List<string> _warnings = [];
    private HashChainLog _log;

    public HashChainLogTests()
    {
        _disk.CreateDirectory("/run");
        _disk.FlushDirectory("/");
        _log = new HashChainLog(_disk, Path);
    }

    [Fact]
    public void Flush_WhatWasAppended_IsDurableAndBigEndian()
    {
        Fill(0, 3);
        Assert.Empty(_disk[Path]);
        _log.Flush();
        Assert.Equal([Entry(0), Entry(1), Entry(2), Entry(3)], HashChainLog.ReadAll(_disk.Restart(CrashKind.LosesUnflushed), Path));
        Assert.Equal(Entry(1).ToString("x32", CultureInfo.InvariantCulture), Convert.ToHexStringLower(_disk[Path].AsSpan(16, 16)));
    }

    [Fact]
    public void Append_NotTheNextVersion_Throws()
    {
        Fill(0, 3);
        Assert.Throws<ArgumentException>(() => _log.Append(5, 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(9)]
    public void Begin_OnALongerFile_CutsOffWhatIsLater(int version)
    {
        Fill(0, 9);
        _log.Flush();
        Reopen();
        _log.Begin(version, Entry(version), _warnings.Add);
        _log.Append(version + 1, 77);
        _log.Flush();
        Assert.Equal([.. Enumerable.Range(0, version + 1).Select(Entry), 77], HashChainLog.ReadAll(_disk, Path));
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Begin_OnAShorterFile_LeavesTheGapUnknownAndWarns()
    {
        Fill(0, 2);
        _log.Flush();
        Reopen();
        _disk[Path] = _disk[Path][..^5];
        _log.Begin(4, Entry(4), _warnings.Add);
        _log.Flush();
        Assert.Equal([Entry(0), Entry(1), 0, 0, Entry(4)], HashChainLog.ReadAll(_disk, Path));
        Assert.Contains("ends before version 4", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Begin_OnAnotherChain_MakesAllUnknownAndWarns()
    {
        Fill(0, 5);
        _log.Flush();
        Reopen();
        _log.Begin(3, 99, _warnings.Add);
        _log.Flush();
        Assert.Equal([0, 0, 0, 99], HashChainLog.ReadAll(_disk, Path));
        Assert.Contains("version 3 has hash", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Begin_AFreshFileInMidRun_LeavesWhatIsBeforeUnknown()
    {
        _log.Begin(2, Entry(2), _warnings.Add);
        _log.Flush();
        Assert.Equal([0, 0, Entry(2)], HashChainLog.ReadAll(_disk, Path));
        Assert.Empty(_warnings);
    }

    /// <summary>S2: after a failed flush the bytes go out once more, through another descriptor.</summary>
    [Theory]
    [InlineData(nameof(DiskCall.Write))]
    [InlineData(nameof(DiskCall.FlushFile))]
    public void Flush_AfterFailures_LosesNothing(string failing)
    {
        Fill(0, 2);
        var failures = 0;
        _disk.Before = (call, _) =>
        {
            if (call.ToString() == failing && failures < 3)
            {
                failures++;
                throw new IOException("Input/output error");
            }
        };
        for (var version = 3; version <= 5; version++)
        {
            Assert.Throws<IOException>(_log.Flush);
            _log.Append(version, Entry(version));
        }

        _log.Flush();
        Assert.Equal(3, failures);
        Assert.Equal(0, _disk.FlushesAfterFailure);
        Assert.Equal(Enumerable.Range(0, 6).Select(Entry), HashChainLog.ReadAll(_disk.Restart(CrashKind.LosesUnflushed), Path));
    }

    [Fact]
    public void ReadAll_MissingOrTorn_IsRefusedOrCutToWholeEntries()
    {
        Assert.Contains(Path, Assert.Throws<InvalidInputException>(() => HashChainLog.ReadAll(_disk, Path)).Message, StringComparison.Ordinal);
        for (var length = 0; length < 50; length++)
        {
            _disk[Path] = new byte[length];
            Assert.Equal(length / 16, HashChainLog.ReadAll(_disk, Path).Length);
        }
    }

    /// <summary>Beyond the bound the oldest go: the chain keeps its places, the ledger stays dense.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void RecordLog_TooMuchWaiting_DropsAndSaysHowMuch(bool leavesHole)
    {
        using var log = new RecordLog(_disk, "/run/log", leavesHole, maximumBytes: 64);
        log.Begin(0);
        for (byte i = 1; i <= 10; i++)
        {
            log.Append([i, i, i, i, i, i, i, i]);
        }

        log.Flush();
        Assert.Equal(64, log.TakeDropped());
        Assert.Equal(0, log.TakeDropped());
        byte[] kept = [9, 9, 9, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10];
        Assert.Equal(leavesHole ? [.. new byte[64], .. kept] : kept, _disk["/run/log"]);
    }

    /// <summary>Records come while a flush is under way that then fails.</summary>
    [Theory]
    [InlineData(3, 0)]
    [InlineData(6, 40)]
    public void RecordLog_AppendedDuringAFailingFlush_StaysInOrder(int during, int dropped)
    {
        using var log = new RecordLog(_disk, "/run/log", leavesHole: true, maximumBytes: 64);
        log.Begin(0);
        for (byte i = 1; i <= 5; i++)
        {
            log.Append([i, i, i, i, i, i, i, i]);
        }

        _disk.Before = (call, _) =>
        {
            if (call == DiskCall.FlushFile)
            {
                for (var i = (byte)6; i < 6 + during; i++)
                {
                    log.Append([i, i, i, i, i, i, i, i]);
                }

                throw new IOException("Input/output error");
            }
        };
        Assert.Throws<IOException>(log.Flush);
        _disk.Before = null;
        // What the failed flush wrote is not durable, and may be anything.
        _disk["/run/log"] = [];
        log.Flush();
        Assert.Equal(dropped, log.TakeDropped());
        var expected = Enumerable.Range(1, 5 + during).SelectMany(i => Enumerable.Repeat(i * 8 > dropped ? (byte)i : (byte)0, 8));
        Assert.Equal(expected, _disk["/run/log"]);
    }

    public void Dispose() => _log.Dispose();

    private static UInt128 Entry(int version) => ((UInt128)(uint)(version + 1) << 64) + 17;

    private void Fill(int first, int last)
    {
        _log.Begin(first, Entry(first), _warnings.Add);
        for (var version = first + 1; version <= last; version++)
        {
            _log.Append(version, Entry(version));
        }
    }

    private void Reopen()
    {
        _log.Dispose();
        _log = new HashChainLog(_disk, Path);
    }
}
