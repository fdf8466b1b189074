using CsCheck;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Checkpoints;

public sealed class LedgerTests
{
    private const string Path = "/run/ledger.bin";
    private const int Shards = 4;

    private readonly SimulatedDisk _disk = new();
    private readonly List<string> _warnings = [];

    public LedgerTests()
    {
        _disk.CreateDirectory("/run");
        _disk.FlushDirectory("/");
    }

    [Fact]
    public void Append_OneRecord_IsTheDocumentedBytes()
    {
        using var ledger = new Ledger(_disk, Path);
        ledger.Begin(0, _warnings.Add);
        ledger.Append(new LedgerRecord(0x0102030405060708, 0x1112131415161718, 0x21222324, new ShardRange(0x31323334, 0x41424344)));
        ledger.Flush();
        var bytes = _disk[Path];
        Assert.Equal("080706050403020118171615141312112423222134333231" + "44434241", Convert.ToHexStringLower(bytes.AsSpan(0, 28)));
        Assert.Equal(Crc32C(bytes.AsSpan(0, 28)), BitConverter.ToUInt32(bytes.AsSpan(28)));
        // The check value of CRC-32C: RFC 3720, "123456789".
        Assert.Equal(0xE3069283u, Crc32C("123456789"u8));
    }

    [Fact]
    public void Begin_ResumedAtAStep_KeepsTheStepsBeforeAlone()
    {
        for (var resumeAt = 0; resumeAt <= 6; resumeAt++)
        {
            WriteSteps(0, 6, incarnation: 1);
            using var ledger = new Ledger(_disk, Path);
            ledger.Begin(resumeAt, _warnings.Add);
            foreach (var record in Steps(resumeAt, 8, incarnation: 2))
            {
                ledger.Append(record);
            }

            ledger.Flush();
            var records = Ledger.ReadAll(_disk.Restart(CrashKind.LosesUnflushed), Path, _warnings.Add);
            Assert.Equal([.. Steps(0, resumeAt, 1), .. Steps(resumeAt, 8, 2)], records);
            Assert.Null(Ledger.Verify(records, Shards, 8));
            Assert.Equal(2UL, Ledger.HighestIncarnation(_disk, Path));
        }

        Assert.Empty(_warnings);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    public void Begin_OnATornEnd_DropsItWithAWarning(int garbage)
    {
        WriteSteps(0, 6, 1);
        _disk[Path] = [.. _disk[Path], .. Enumerable.Repeat((byte)7, garbage)];
        using var ledger = new Ledger(_disk, Path);
        ledger.Begin(6, _warnings.Add);
        Assert.Contains("not completely written", Assert.Single(_warnings), StringComparison.Ordinal);
        Assert.Equal(Steps(0, 6, 1), Ledger.ReadAll(_disk, Path, _ => Assert.Fail("It was cut off.")));
    }

    [Fact]
    public void Begin_DamageBeforeTheStep_StaysAndIsSaid()
    {
        WriteSteps(0, 6, 1);
        var bytes = _disk[Path];
        bytes[40] ^= 1;
        _disk[Path] = bytes;
        using var ledger = new Ledger(_disk, Path);
        ledger.Begin(6, _warnings.Add);
        Assert.Contains("1 records before step 6 are damaged", Assert.Single(_warnings), StringComparison.Ordinal);
        var records = Ledger.ReadAll(_disk, Path, _warnings.Add);
        Assert.Equal($"{Path}: 1 records are damaged, the first at byte 32.", _warnings[1]);
        Assert.Equal("step 0: shard 2 is missing.", Ledger.Verify(records, Shards, 6)!.Split(": ", 2)[1]);
    }

    [Fact]
    public void ReadAll_EveryBitFlipped_IsFound()
    {
        WriteSteps(0, 3, 1);
        var whole = _disk[Path];
        var found = 0;
        for (var bit = 0; bit < whole.Length * 8; bit++)
        {
            var damaged = whole.ToArray();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            _disk[Path] = damaged;
            found += Ledger.Verify(Ledger.ReadAll(_disk, Path, _ => { }), Shards, 3) is null ? 0 : 1;
        }

        Assert.Equal(6 * 32 * 8, found);
    }

    /// <summary>H5.</summary>
    [Fact]
    public void ReadAllAndBegin_AnyBytes_NeverFailOtherwise() => Gen.Byte.Array[0, 200].Sample(bytes =>
    {
        var disk = new SimulatedDisk();
        disk.CreateDirectory("/run");
        disk[Path] = bytes;
        var records = Ledger.ReadAll(disk, Path, _ => { });
        Assert.InRange(records.Count, 0, bytes.Length / 32);
        using var ledger = new Ledger(disk, Path);
        ledger.Begin(3, _ => { });
    });

    [Fact]
    public void Verify_AnyRecords_NeverThrows() =>
        Gen.Select(Gen.Long[-1, 3], Gen.ULong[0, 3], Gen.Int, Gen.OneOf(Gen.Int, Gen.Int[-1, 5]), Gen.OneOf(Gen.Int, Gen.Int[-1, 5])).Array[0, 8].Sample(records =>
            Ledger.Verify(records.Select(r => new LedgerRecord(r.Item1, r.Item2, r.Item3, new ShardRange(r.Item4, r.Item5))), Shards, 2));

    [Fact]
    public void ReadAll_Missing_IsRefused() =>
        Assert.Equal($"{Path}: is missing.", Assert.Throws<InvalidInputException>(() => Ledger.ReadAll(_disk, Path, _ => { })).Message);

    [Fact]
    public void Verify_EachShardOnce_IsFine()
    {
        Assert.Null(Ledger.Verify(Steps(0, 5, 1), Shards, 5));
        Assert.Null(Ledger.Verify(Steps(3, 5, 1), Shards, 5, firstStep: 3));
        Assert.Null(Ledger.Verify([], Shards, 3, firstStep: 3));
        Assert.Null(Ledger.Verify([Record(0, 3, 4), Record(0, 0, 2), Record(0, 2, 3)], Shards, 1));
    }

    [Theory]
    [InlineData("twice", "Record 3: step 1: shard 1 counted twice, the second time by worker 1.")]
    [InlineData("missing", "step 1: shard 2 is missing.")]
    [InlineData("missing at the end", "step 2: shard 2 is missing.")]
    [InlineData("step missing", "Record 2: step 2 follows, but step 1 is missing.")]
    [InlineData("last step missing", "After record 3: the steps [2, 3) are missing.")]
    [InlineData("step again", "Record 4: step 1 comes again after step 1 was complete.")]
    [InlineData("old incarnation", "Record 3: incarnation 0 follows 1.")]
    [InlineData("beyond", "Record 6: step 3 is beyond the 3 steps of the run.")]
    [InlineData("no shards", "Record 2: step 1: [2, 2) is no range of shards in [0, 4).")]
    [InlineData("foreign shards", "Record 2: step 1: [0, 5) is no range of shards in [0, 4).")]
    [InlineData("nothing", "After record -1: the steps [0, 3) are missing.")]
    public void Verify_AViolation_IsNamed(string what, string expected)
    {
        var records = Steps(0, 3, 1);
        switch (what)
        {
            case "twice": records[3] = Record(1, 1, 4); break;
            case "missing": records.RemoveAt(3); break;
            case "missing at the end": records.RemoveAt(5); break;
            case "step missing": records.RemoveRange(2, 2); break;
            case "last step missing": records.RemoveRange(4, 2); break;
            case "step again": records.Insert(4, Record(1, 0, 2)); break;
            case "old incarnation": records[3] = records[3] with { Incarnation = 0 }; break;
            case "beyond": records.Add(Record(3, 0, 2)); break;
            case "no shards": records[2] = Record(1, 2, 2); break;
            case "foreign shards": records[2] = Record(1, 0, 5); break;
            default: records.Clear(); break;
        }

        var violation = Ledger.Verify(records, Shards, 3);
        Assert.EndsWith(expected, violation, StringComparison.Ordinal);
    }

    private static LedgerRecord Record(long step, int start, int end) => new(step, 1, 1, new ShardRange(start, end));

    private static List<LedgerRecord> Steps(int first, int end, ulong incarnation) =>
        [.. Enumerable.Range(first, end - first).SelectMany(step => new[] { Record(step, 0, 2), Record(step, 2, 4) }).Select(record => record with { Incarnation = incarnation })];

    private void WriteSteps(int first, int end, ulong incarnation)
    {
        using var ledger = new Ledger(_disk, Path);
        ledger.Begin(0, _warnings.Add);
        foreach (var record in Steps(first, end, incarnation))
        {
            ledger.Append(record);
        }

        ledger.Flush();
    }

    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0x82F63B78u);
            }
        }

        return ~crc;
    }
}
