using DistTrain.Core.Training;

namespace DistTrain.Core.Checkpoints;

/// <summary>
/// What a run has left on disk so far, to be checked. Takes no lock and writes nothing, so it may be read while the run goes on; what the run
/// adds later is not seen.
/// </summary>
public sealed class RecordedRun
{
    private readonly IFileSystem _files;
    private readonly UInt128[] _chain;

    private RecordedRun(IFileSystem files, string directory, RunSpec spec, UInt128[] chain)
    {
        (_files, Directory, Spec, _chain) = (files, directory, spec, chain);
        Store = new CheckpointStore(files, Path.Combine(directory, RunJournal.CheckpointsName));
    }

    /// <summary>Where it lies.</summary>
    public string Directory { get; }

    /// <summary>What it computes.</summary>
    public RunSpec Spec { get; }

    /// <summary>Its checkpoints.</summary>
    public CheckpointStore Store { get; }

    /// <summary>Its hash chain by version; 0 is unknown.</summary>
    public ReadOnlySpan<UInt128> Chain => _chain;

    /// <summary>The file of <see cref="Chain"/>.</summary>
    public string ChainPath => Path.Combine(Directory, RunJournal.ChainName);

    /// <summary>How many steps the chain tells of.</summary>
    public long RecordedSteps => _chain.Length - 1;

    /// <summary>Reads a run's record.</summary>
    /// <param name="files">The disk.</param>
    /// <param name="directory">The run.</param>
    /// <param name="spec">What its run.json says.</param>
    /// <exception cref="InvalidInputException">It has no chain, or none that can be read.</exception>
    public static RecordedRun Open(IFileSystem files, string directory, RunSpec spec)
    {
        var path = Path.Combine(directory, RunJournal.ChainName);
        var chain = HashChainLog.ReadAll(files, path);
        return chain.Length > 0
            ? new RecordedRun(files, directory, spec, chain)
            : throw new InvalidInputException(
                $"{path}: holds no whole entry of {HashChain.SizeBytes} bytes: the run has not recorded a step yet, or the file was cut off. Wait for its first "
                + "checkpoint, or bring the file back from a copy.");
    }

    /// <summary>The recorded hash of a version; null if it is unknown.</summary>
    public UInt128? ChainAt(long version) => version < _chain.Length && _chain[version] != 0 ? _chain[version] : null;

    /// <summary>Reads the newest valid checkpoint of this run at or before a version.</summary>
    /// <param name="atMost">The version.</param>
    /// <param name="warn">Told of each newer one, up to there, that cannot be used, and why.</param>
    /// <returns>Null if there is none.</returns>
    public LoadedCheckpoint? NewestCheckpoint(long atMost, Action<string> warn)
    {
        foreach (var steps in Store.Steps.Where(steps => steps <= atMost))
        {
            if (TryLoad(steps, warn) is { } checkpoint)
            {
                return checkpoint;
            }
        }

        return null;
    }

    /// <summary>Reads the checkpoint after so many steps.</summary>
    /// <param name="steps">The steps behind it.</param>
    /// <param name="warn">Told why it cannot be used.</param>
    /// <returns>Null if it is missing, damaged, of another run, or if its parameters are not those that its hash and the chain stand for.</returns>
    public LoadedCheckpoint? TryLoad(long steps, Action<string> warn)
    {
        var name = CheckpointFormat.DirectoryName(steps);
        try
        {
            var checkpoint = Store.Load(steps);
            if (Objection(checkpoint.Snapshot, steps) is not { } objection)
            {
                return checkpoint;
            }

            checkpoint.Dispose();
            warn($"The checkpoint {name} is passed over: {objection}");
        }
        catch (InvalidInputException e)
        {
            warn($"The checkpoint {name} is passed over: {e.Message}");
        }

        return null;
    }

    /// <summary>Why a checkpoint whose files are whole is no place to begin; null if it is one.</summary>
    private string? Objection(TrainingSnapshot snapshot, long steps)
    {
        if (snapshot.StepsDone != steps || !RunSpecRules.AreEqualButForLength(snapshot.Spec, Spec))
        {
            return "it is not of the run, or not of the step, that it lies with.";
        }

        // What a state says of its own hash is only as good as the process that saved it; the link before it is on record elsewhere.
        return (steps == 0 ? UInt128.Zero : ChainAt(steps - 1)) is { } previous && HashChain.Next(previous, steps, snapshot.Parameters.Values) != snapshot.Chain
            ? $"its parameters and the entry before it in {RunJournal.ChainName} do not give its hash: one of the two was changed after the step."
            : null;
    }

    /// <summary>Who delivered the partial that a shard counted with.</summary>
    /// <param name="step">The step it is of, from 0.</param>
    /// <param name="shard">The shard.</param>
    /// <param name="warn">Told of damage.</param>
    /// <returns>Null if the ledger does not say.</returns>
    public LedgerRecord? FindDelivery(long step, int shard, Action<string> warn)
    {
        try
        {
            var records = Ledger.ReadAll(_files, Path.Combine(Directory, RunJournal.LedgerName), warn);
            var node = new ShardRange(shard, shard + 1);
            return records.Where(record => record.Step == step && record.Node.Contains(node)).Cast<LedgerRecord?>().LastOrDefault();
        }
        catch (InvalidInputException e)
        {
            // The shard can be computed all the same.
            warn(e.Message);
            return null;
        }
    }
}
