using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>
/// The book of a run on disk: one <see cref="LedgerRecord"/> for each training partial that went into a step, in the order they were accepted.
/// It proves that every shard of every step counted exactly once.
/// </summary>
/// <param name="files">The disk.</param>
/// <param name="path">The file.</param>
public sealed class Ledger(IFileSystem files, string path) : IDisposable
{
    private const int RecordsAtOnce = 256;

    private readonly RecordLog _log = new(files, path, leavesHole: false);

    /// <summary>The bytes not yet durable.</summary>
    internal int PendingBytes => _log.PendingBytes;

    /// <summary>Goes on at a step: the records of it and of later ones are cut off, and what a crash left half written behind them.</summary>
    /// <param name="stepsDone">The first step to be recorded from here.</param>
    /// <param name="warn">Told of damage.</param>
    /// <exception cref="IOException">The file cannot be read or written.</exception>
    public void Begin(long stepsDone, Action<string> warn)
    {
        // Kept up to the last sound record of an earlier step; damage before that place is not ours to hide.
        var (end, index) = (0L, 0L);
        var (damagedBefore, damagedBehind) = (0L, 0L);
        var isTorn = false;
        Scan(files, path, (isSound, record) =>
        {
            index++;
            damagedBehind += isSound ? 0 : 1;
            if (isSound && record.Step < stepsDone)
            {
                end = index * LedgerRecord.SizeBytes;
                damagedBefore += damagedBehind;
                damagedBehind = 0;
            }
        }, () => isTorn = true);
        if (damagedBefore > 0)
        {
            warn($"{path}: {damagedBefore} records before step {stepsDone} are damaged.");
        }

        if (damagedBehind > 0 || isTorn)
        {
            warn($"{path}: its end was not completely written when the run stopped; what belongs to steps from {stepsDone} on is dropped and done again.");
        }

        _log.Begin(end);
    }

    /// <summary>Adds a record, in memory.</summary>
    public void Append(in LedgerRecord record)
    {
        Span<byte> bytes = stackalloc byte[LedgerRecord.SizeBytes];
        record.Write(bytes);
        _log.Append(bytes);
    }

    /// <summary>Makes durable what has been appended. After a failure nothing is lost, and the next call tries again.</summary>
    /// <exception cref="IOException">The disk is full or fails.</exception>
    public void Flush() => _log.Flush();

    /// <summary>All sound records of a ledger, in order.</summary>
    /// <param name="files">The disk.</param>
    /// <param name="path">The file.</param>
    /// <param name="warn">Told how many records are damaged, and where the first one is.</param>
    /// <exception cref="InvalidInputException">The file is missing or cannot be read.</exception>
    public static IReadOnlyList<LedgerRecord> ReadAll(IFileSystem files, string path, Action<string> warn)
    {
        var records = new List<LedgerRecord>();
        var (index, damaged, first) = (0L, 0L, 0L);
        try
        {
            var exists = Scan(files, path, (isSound, record) =>
            {
                if (isSound)
                {
                    records.Add(record);
                }
                else if (damaged++ == 0)
                {
                    first = index;
                }

                index++;
            }, () => { });
            if (!exists)
            {
                throw new InvalidInputException($"{path}: is missing.");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{path}: cannot be read: {e.Message}", e);
        }

        if (damaged > 0)
        {
            warn($"{path}: {damaged} records are damaged, the first at byte {first * LedgerRecord.SizeBytes}.");
        }

        return records;
    }

    /// <summary>Checks that each step's shards counted exactly once, in the order of the steps, under incarnations that never fall.</summary>
    /// <param name="records">In order.</param>
    /// <param name="shardCount">S.</param>
    /// <param name="steps">One past the last step that must be there.</param>
    /// <param name="firstStep">The first one: above 0 for a run that began from another's checkpoint.</param>
    /// <returns>The first violation; null if there is none.</returns>
    public static string? Verify(IEnumerable<LedgerRecord> records, int shardCount, long steps, long firstStep = 0)
    {
        var isCounted = new bool[shardCount];
        var (step, missing, index, incarnation) = (firstStep, shardCount, 0L, 0UL);
        foreach (var record in records)
        {
            if (missing == 0)
            {
                (step, missing) = (step + 1, shardCount);
                Array.Clear(isCounted);
            }

            if (Violation(record) is { } violation)
            {
                return $"Record {index}: {violation}";
            }

            for (var shard = record.Node.Start; shard < record.Node.End; shard++)
            {
                if (isCounted[shard])
                {
                    return $"Record {index}: step {step}: shard {shard} counted twice, the second time by worker {record.Worker}.";
                }

                isCounted[shard] = true;
            }

            missing -= record.Node.Count;
            incarnation = record.Incarnation;
            index++;
        }

        var (done, isPart) = missing == 0 ? (step + 1, false) : (step, missing < shardCount);
        return isPart ? Missing() : done < steps ? $"After record {index - 1}: the steps [{done}, {steps}) are missing." : null;

        string? Violation(in LedgerRecord record) => record switch
        {
            _ when record.Incarnation < incarnation => $"incarnation {record.Incarnation} follows {incarnation}.",
            _ when record.Step >= steps => $"step {record.Step} is beyond the {steps} steps of the run.",
            _ when record.Step > step && missing < shardCount => Missing(),
            _ when record.Step > step => $"step {record.Step} follows, but step {step} is missing.",
            _ when record.Step < step => $"step {record.Step} comes again after step {step - 1} was complete.",
            _ when record.Node.Start < 0 || record.Node.End > shardCount || record.Node.End <= record.Node.Start => $"step {step}: {record.Node} is no range of shards in [0, {shardCount}).",
            _ => null,
        };

        string Missing() => $"step {step}: shard {Array.IndexOf(isCounted, false)} is missing.";
    }

    /// <inheritdoc/>
    public void Dispose() => _log.Dispose();

    /// <summary>The records that had to be given up since this was asked last.</summary>
    internal long TakeDropped() => _log.TakeDropped() / LedgerRecord.SizeBytes;

    /// <summary>The highest incarnation in a ledger; 0 if there is none.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal static ulong HighestIncarnation(IFileSystem files, string path)
    {
        var highest = 0UL;
        Scan(files, path, (isSound, record) => highest = isSound ? Math.Max(highest, record.Incarnation) : highest, () => { });
        return highest;
    }

    /// <returns>False if there is no such file.</returns>
    private static bool Scan(IFileSystem files, string path, Action<bool, LedgerRecord> each, Action tornEnd)
    {
        Stream stream;
        try
        {
            stream = files.OpenRead(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }

        using (stream)
        {
            var bytes = new byte[RecordsAtOnce * LedgerRecord.SizeBytes];
            int count;
            do
            {
                count = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
                for (var i = 0; i + LedgerRecord.SizeBytes <= count; i += LedgerRecord.SizeBytes)
                {
                    each(LedgerRecord.TryRead(bytes.AsSpan(i), out var record), record);
                }
            }
            while (count == bytes.Length);
            if (count % LedgerRecord.SizeBytes != 0)
            {
                tornEnd();
            }

            return true;
        }
    }
}
