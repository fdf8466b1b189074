namespace DistTrain.Core.Tests;

/// <summary>A directory of its own for one test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("disttrain-tests-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
