using System.Globalization;
using System.Text;
using DistTrain.Core.Formats;

namespace DistTrain.Core.Checkpoints;

/// <summary>Who holds a run.</summary>
/// <param name="Host">The machine's name.</param>
/// <param name="ProcessId">The process on it.</param>
/// <param name="StartedUtc">Since when.</param>
/// <param name="Address">Where it can be reached; null while or if it cannot.</param>
public sealed record RunHolder(string Host, int ProcessId, DateTimeOffset StartedUtc, string? Address = null);

/// <summary>This process has lost the run to one that took it over later: it must write nothing more. The message says to whom.</summary>
public sealed class SupersededException(string message) : Exception(message);

/// <summary>
/// The right to go on with a run: a lock on its directory, for the processes of one host, and an incarnation that rises with each taking
/// over, for hosts that share the storage, where a lock may hold nobody back.
/// </summary>
public sealed class RunLock : IDisposable
{
    internal const string LockName = "lock";
    internal const string IncarnationName = "incarnation.json";
    private const int MaximumBytes = 64 << 10;

    private readonly IFileSystem _files;
    private readonly string _path;
    private readonly IDisposable _lock;
    private readonly Lock _gate = new();
    private RunHolder _holder;

    private RunLock(IFileSystem files, string path, IDisposable held, RunHolder holder) =>
        (_files, _path, _lock, _holder) = (files, path, held, holder);

    /// <summary>The number of this taking over, from 1.</summary>
    public ulong Incarnation { get; private set; }

    /// <summary>Takes a run over: locks its directory, which is made if missing, and raises the incarnation durably.</summary>
    /// <param name="files">The disk.</param>
    /// <param name="runDirectory">The run, in full.</param>
    /// <param name="holder">This process.</param>
    /// <param name="highestSaved">The highest incarnation found in what the run has saved; asked for under the lock.</param>
    /// <param name="warn">Told if incarnation.json is damaged.</param>
    /// <exception cref="InvalidInputException">Another process holds it; the message says which.</exception>
    /// <exception cref="IOException">The directory cannot be written to.</exception>
    public static RunLock Take(IFileSystem files, string runDirectory, RunHolder holder, Func<ulong> highestSaved, Action<string> warn)
    {
        DurableFile.CreateDirectory(files, runDirectory);
        var path = Path.Combine(runDirectory, IncarnationName);
        var held = files.TryLock(Path.Combine(runDirectory, LockName)) ?? throw new InvalidInputException(
            $"The run directory {runDirectory} is in use{Describe(files, path)}. Stop that run first, or give --out another directory.");
        var taken = new RunLock(files, path, held, holder);
        try
        {
            if (!files.List(runDirectory).Contains(IncarnationName) && Path.GetDirectoryName(runDirectory) is { } parent)
            {
                // Whoever made the directory may have died before its name was durable.
                files.FlushDirectory(parent);
            }

            taken.Raise(highestSaved(), warn);
            return taken;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Who took a run over last, and with what number; null if nobody did.</summary>
    /// <exception cref="InvalidInputException">incarnation.json is damaged.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static (ulong Incarnation, RunHolder Holder)? Read(IFileSystem files, string runDirectory) =>
        ReadFile(files, Path.Combine(runDirectory, IncarnationName)) is { } found ? (found.Incarnation, found.ToHolder()) : null;

    /// <summary>Leaves word where this process can be reached.</summary>
    /// <exception cref="SupersededException">Another process has taken the run over.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Announce(string address)
    {
        lock (_gate)
        {
            EnsureNotFenced();
            _holder = _holder with { Address = address };
            Write();
        }
    }

    /// <summary>Looks whether this process still holds the run. To be called before anything is put into its place on shared storage.</summary>
    /// <exception cref="SupersededException">Another process has taken it over.</exception>
    /// <exception cref="IOException">It cannot be found out.</exception>
    public void EnsureNotFenced()
    {
        IncarnationDocument? found;
        lock (_gate)
        {
            try
            {
                found = ReadFile(_files, _path);
            }
            catch (InvalidInputException e)
            {
                throw new IOException(e.Message, e);
            }
        }

        if (found is not null && (found.Incarnation > Incarnation || (found.Incarnation == Incarnation && !found.IsOf(_holder))))
        {
            throw new SupersededException(
                $"The run was taken over by incarnation {found.Incarnation}{found.Describe()}; this is incarnation {Incarnation}, which stops writing.");
        }
    }

    /// <summary>Gives the run back.</summary>
    public void Dispose() => _lock.Dispose();

    private void Raise(ulong highestSaved, Action<string> warn)
    {
        var highest = highestSaved;
        try
        {
            highest = Math.Max(highest, ReadFile(_files, _path)?.Incarnation ?? 0);
        }
        catch (InvalidInputException e)
        {
            warn($"{e.Message} The incarnation goes on from the highest one saved, {highestSaved}.");
        }

        Incarnation = highest < ulong.MaxValue
            ? highest + 1
            : throw new InvalidInputException($"{_path}: the incarnation is {highest}, above which there is none: this cannot be DistTrain's. Delete the file.");
        Write();
    }

    private void Write()
    {
        var text = SpecJson.Write(IncarnationDocument.Of(Incarnation, _holder)) + "\n";
        DurableFile.Write(_files, _path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
    }

    private static string Describe(IFileSystem files, string path)
    {
        try
        {
            return ReadFile(files, path)?.Describe() ?? " by another process";
        }
        catch (Exception e) when (e is InvalidInputException or IOException or UnauthorizedAccessException)
        {
            return " by another process";
        }
    }

    private static IncarnationDocument? ReadFile(IFileSystem files, string path)
    {
        try
        {
            using var stream = files.OpenRead(path);
            if (stream.Length > MaximumBytes)
            {
                throw new InvalidInputException($"{path}: is damaged: it has {stream.Length} bytes.");
            }

            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            return IncarnationDocument.Read(content, path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    internal sealed record IncarnationDocument(ulong Incarnation, string Host, int ProcessId, string StartedUtc, string? Address = null)
    {
        public static IncarnationDocument Of(ulong incarnation, RunHolder holder) => new(
            incarnation, holder.Host, holder.ProcessId, holder.StartedUtc.UtcDateTime.ToString("O", CultureInfo.InvariantCulture), holder.Address);

        public static IncarnationDocument Read(byte[] content, string source)
        {
            var document = SpecJson.Read<IncarnationDocument>(CheckpointFormat.Text(content, source), source);
            return DateTimeOffset.TryParseExact(document.StartedUtc, "O", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)
                ? document
                : throw new InvalidInputException($"{source}: startedUtc is no time.");
        }

        public RunHolder ToHolder() =>
            new(Host, ProcessId, DateTimeOffset.ParseExact(StartedUtc, "O", CultureInfo.InvariantCulture, DateTimeStyles.None), Address);

        public bool IsOf(RunHolder holder) => Of(Incarnation, holder) with { Address = Address } == this;

        public string Describe() => $" by process {ProcessId} on {Host}, since {StartedUtc}{(Address is null ? "" : $", at {Address}")}";
    }
}
