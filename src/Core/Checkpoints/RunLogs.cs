namespace DistTrain.Core.Checkpoints;

/// <summary>Chain and ledger of a run, written together, and only while the run is this process's.</summary>
/// <param name="files">The disk.</param>
/// <param name="directory">The run's.</param>
/// <param name="held">The run's lock.</param>
/// <param name="warn">Told of what does not stop the run.</param>
internal sealed class RunLogs(IFileSystem files, string directory, RunLock held, Action<string> warn) : IDisposable
{
    private volatile bool _isFailing;
    private volatile bool _isSuperseded;

    /// <summary>The hash chain.</summary>
    public HashChainLog Chain { get; } = new(files, Path.Combine(directory, RunJournal.ChainName));

    /// <summary>The ledger.</summary>
    public Ledger Ledger { get; } = new(files, Path.Combine(directory, RunJournal.LedgerName));

    /// <summary>The bytes not yet durable.</summary>
    public int PendingBytes => Chain.PendingBytes + Ledger.PendingBytes;

    /// <summary>Whether another process has been found to have taken the run over.</summary>
    public bool IsSuperseded => _isSuperseded;

    /// <summary>Makes both durable. A row of failures is reported once; what had to be given up, whenever it had to be.</summary>
    /// <exception cref="SupersededException">They are no longer this process's to write.</exception>
    /// <exception cref="IOException">The disk fails; nothing is lost, and the next call tries again.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public void Flush()
    {
        try
        {
            EnsureNotFenced();
            Chain.Flush();
            Ledger.Flush();
            _isFailing = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_isFailing)
            {
                _isFailing = true;
                warn($"The run's chain or ledger cannot be written: {e.Message} They are kept in memory; the next flush tries again.");
            }

            throw;
        }
        finally
        {
            var (hashes, records) = (Chain.TakeDropped(), Ledger.TakeDropped());
            if (hashes + records > 0)
            {
                warn($"Too much was waiting for the disk: {hashes} hashes of the chain are unknown (zero) and {records} records of the ledger are missing.");
            }
        }
    }

    /// <summary>The same, but what fails is only reported.</summary>
    public void TryFlush()
    {
        try
        {
            Flush();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SupersededException)
        {
            // Reported there.
        }
    }

    /// <summary>Looks whether the run is still this process's; if not, says so once.</summary>
    /// <exception cref="SupersededException">It is not.</exception>
    /// <exception cref="IOException">It cannot be found out.</exception>
    public void EnsureNotFenced()
    {
        try
        {
            held.EnsureNotFenced();
        }
        catch (SupersededException e)
        {
            if (!_isSuperseded)
            {
                _isSuperseded = true;
                warn(e.Message);
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Chain.Dispose();
        Ledger.Dispose();
    }
}
