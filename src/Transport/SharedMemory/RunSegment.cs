using System.Security.Cryptography;
using DistTrain.Core.Tensors;

namespace DistTrain.Transport.SharedMemory;

/// <summary>
/// What a coordinator shares with all workers on its host: the parameters, which it alone writes, and the doorbell that they ring. A worker proves that it
/// has the same memory by the nonce in it, not by a host's name.
/// </summary>
/// <remarks>Bytes: 0 magic, 8 incarnation, 16 nonce, 32 element count, 64 doorbell, 4096 parameters.</remarks>
public sealed unsafe class RunSegment : IDisposable
{
    /// <summary>The bytes of the nonce.</summary>
    public const int NonceBytes = 16;

    /// <summary>Where files in memory lie on Linux.</summary>
    public const string DefaultDirectory = "/dev/shm";

    private const ulong Magic = 0x3130_4E55_5254_5344;
    private const int IncarnationOffset = 8;
    private const int NonceOffset = 16;
    private const int CountOffset = 32;
    private const int BellOffset = 64;
    private const int ParametersOffset = SharedLayout.PageBytes;

    private readonly SharedFile _file;
    private readonly string _directory;
    private readonly string _name;
    private readonly ulong _incarnation;
    private readonly int _parameterCount;
    private int _users = 1;

    private RunSegment(SharedFile file, string directory, string name, ulong incarnation, int parameterCount)
    {
        (_file, _directory, _name, _incarnation, _parameterCount) = (file, directory, name, incarnation, parameterCount);
        // A coordinator does not look while it waits: whoever computes has the processors.
        Bell = new Doorbell(file.Pointer + BellOffset, spins: false);
    }

    /// <summary>Whether this system can share memory so that waiting costs nothing.</summary>
    public static bool IsSupported => Futex.IsSupported;

    /// <summary>Rung by whoever has something for the coordinator.</summary>
    public Doorbell Bell { get; }

    /// <summary>What proves that somebody has this memory.</summary>
    public ReadOnlySpan<byte> Nonce => new(_file.Pointer + NonceOffset, NonceBytes);

    /// <summary>The parameters, in the model's flat layout; a worker can only read them.</summary>
    public float* Parameters => (float*)(_file.ReadOnlyPointer is null ? _file.Pointer + ParametersOffset : _file.ReadOnlyPointer);

    /// <summary>Where a worker finds it; the coordinator's only.</summary>
    public string FullPath => _file.FullPath;

    /// <summary>Makes one, and removes what killed processes have left in the directory.</summary>
    /// <param name="directory">Such as <see cref="DefaultDirectory"/>.</param>
    /// <param name="incarnation">Of the coordinator.</param>
    /// <param name="parameterCount">Elements of the model.</param>
    /// <exception cref="IOException">The memory is too small, or there is no such directory.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written to.</exception>
    public static RunSegment Create(string directory, ulong incarnation, int parameterCount)
    {
        SharedFile.RemoveLeftovers(directory);
        var name = $"{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(sizeof(ulong)))}";
        var file = SharedFile.Create(directory, name, Length(parameterCount));
        *(ulong*)(file.Pointer + IncarnationOffset) = incarnation;
        *(long*)(file.Pointer + CountOffset) = parameterCount;
        RandomNumberGenerator.Fill(new Span<byte>(file.Pointer + NonceOffset, NonceBytes));
        Volatile.Write(ref *(ulong*)file.Pointer, Magic);
        return new RunSegment(file, directory, name, incarnation, parameterCount);
    }

    /// <summary>Opens a coordinator's.</summary>
    /// <param name="path">As the coordinator says.</param>
    /// <param name="incarnation">Of that coordinator.</param>
    /// <param name="parameterCount">Elements of the model.</param>
    /// <exception cref="IOException">There is none there, or it is another one's.</exception>
    /// <exception cref="UnauthorizedAccessException">It is another user's.</exception>
    public static RunSegment Open(string path, ulong incarnation, int parameterCount)
    {
        var file = SharedFile.Open(path, Length(parameterCount), writable: ParametersOffset);
        if (Volatile.Read(ref *(ulong*)file.Pointer) == Magic
            && *(ulong*)(file.Pointer + IncarnationOffset) == incarnation
            && *(long*)(file.Pointer + CountOffset) == parameterCount)
        {
            return new RunSegment(file, "", "", incarnation, parameterCount);
        }

        file.Dispose();
        throw new IOException($"{path} is not the memory of this run.");
    }

    /// <summary>The parameters as a buffer, which keeps the memory.</summary>
    public AlignedBuffer<float> ParameterBuffer()
    {
        _users++;
        return new AlignedBuffer<float>(Parameters, _parameterCount, this);
    }

    /// <summary>Makes the region of a worker that has proved to have this memory.</summary>
    /// <param name="workerId">Which one.</param>
    /// <param name="slots">Partials that it may have with the coordinator at once.</param>
    /// <exception cref="IOException">The memory is too small.</exception>
    public WorkerRegion CreateRegion(int workerId, int slots) => WorkerRegion.Create(_directory, $"{_name}-{workerId}", _incarnation, workerId, _parameterCount, slots);

    /// <summary>Takes the name away: nobody can open it any more.</summary>
    public void Unlink() => _file.Unlink();

    /// <summary>Its user, or the buffer made of it, is done; with the last of them the memory goes.</summary>
    public void Dispose()
    {
        if (--_users == 0)
        {
            _file.Dispose();
        }
    }

    private static long Length(int parameterCount) => ParametersOffset + SharedLayout.TensorBytes(parameterCount);
}
