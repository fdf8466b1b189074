using DistTrain.Core.Checkpoints;

namespace DistTrain.Fuzz;

/// <summary>A directory that can be read only, in memory.</summary>
/// <param name="path">Where it is said to be.</param>
/// <param name="files">Its files by name.</param>
internal sealed class MemoryDirectory(string path, IReadOnlyDictionary<string, byte[]> files) : IFileSystem
{
    public bool DirectoryExists(string directory) => directory == path;

    public IReadOnlyList<string> List(string directory) => [.. files.Keys.Order(StringComparer.Ordinal)];

    public Stream OpenRead(string file) => files.TryGetValue(Path.GetRelativePath(path, file), out var content)
        ? new MemoryStream(content, writable: false)
        : throw new FileNotFoundException(null, file);

    public void CreateDirectory(string directory) => throw Refusal();

    public IWritableFile Create(string file) => throw Refusal();

    public IWritableFile OpenWrite(string file) => throw Refusal();

    public void Rename(string source, string target) => throw Refusal();

    public void DeleteFile(string file) => throw Refusal();

    public void DeleteDirectory(string directory) => throw Refusal();

    public void FlushDirectory(string directory) => throw Refusal();

    public IDisposable? TryLock(string file) => throw Refusal();

    private static NotSupportedException Refusal() => new("This directory can be read only.");
}
