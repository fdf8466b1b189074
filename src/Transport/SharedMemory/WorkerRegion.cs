using DistTrain.Core.Tensors;
using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Transport.SharedMemory;

/// <summary>
/// What a coordinator shares with one worker on its host, in place of the messages of their call: the newest lease, what was revoked, and the worker's
/// partials, which are computed here and summed here. Each word has one writer. The region belongs to one attachment and is never used again: whoever is
/// taken for dead and is not writes to memory that nobody reads.
/// </summary>
/// <remarks>
/// Bytes: 0 magic, 8 incarnation, 16 worker id, 24 slots; 64 the worker's doorbell; 128 lease: sequence, length, message; 320 highest id of a revoked lease;
/// 384 entries written, 448 entries taken, 512 whether the worker has come; then a line per slot with its owner, the entries, and the slots' tensors.
/// </remarks>
public sealed unsafe class WorkerRegion : IDisposable
{
    /// <summary>More partials than this are never with the coordinator at once.</summary>
    public const int MaximumSlots = 64;

    private const ulong Magic = 0x3130_4B52_5754_5344;
    private const int IncarnationOffset = 8;
    private const int WorkerOffset = 16;
    private const int SlotsOffset = 24;
    private const int BellOffset = 64;
    private const int LeaseOffset = 128;
    private const int LeaseLengthOffset = LeaseOffset + sizeof(long);
    private const int LeaseMessageOffset = LeaseLengthOffset + sizeof(int);
    private const int RevokedOffset = 320;
    private const int MaximumLeaseBytes = RevokedOffset - LeaseMessageOffset;
    private const int WrittenOffset = 384;
    private const int TakenOffset = 448;
    private const int AttachedOffset = 512;
    private const int OwnersOffset = SharedLayout.PageBytes;
    private const int EntriesOffset = OwnersOffset + (MaximumSlots * SharedLayout.LineBytes);
    private const int EntryBytes = 512;
    private const int EntryMessageOffset = 2 * sizeof(int);
    private const int EntryCount = 128;
    private const int TensorsOffset = EntriesOffset + (EntryCount * EntryBytes);

    private readonly SharedFile _file;
    private readonly int _parameterCount;
    private long _leaseSeen;
    private long _written;
    private long _taken;

    private WorkerRegion(SharedFile file, int parameterCount, int slots)
    {
        (_file, _parameterCount, SlotCount) = (file, parameterCount, slots);
        Bell = new Doorbell(file.Pointer + BellOffset, spins: true);
    }

    /// <summary>Rung by the coordinator when there is a lease or a revocation.</summary>
    public Doorbell Bell { get; }

    /// <summary>How many partials there is room for.</summary>
    public int SlotCount { get; }

    /// <summary>Where the worker finds it; the coordinator's only.</summary>
    public string FullPath => _file.FullPath;

    /// <summary>Whether the worker has it too.</summary>
    public bool IsAttached => Volatile.Read(ref *(int*)(_file.Pointer + AttachedOffset)) != 0;

    /// <summary>Leases up to this id are revoked.</summary>
    public long RevokedThrough => Volatile.Read(ref *(long*)(_file.Pointer + RevokedOffset));

    /// <summary>Coordinator: makes one.</summary>
    internal static WorkerRegion Create(string directory, string name, ulong incarnation, int workerId, int parameterCount, int slots)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(slots, MaximumSlots);
        var file = SharedFile.Create(directory, name, Length(parameterCount, slots));
        *(ulong*)(file.Pointer + IncarnationOffset) = incarnation;
        *(long*)(file.Pointer + WorkerOffset) = workerId;
        *(int*)(file.Pointer + SlotsOffset) = slots;
        Volatile.Write(ref *(ulong*)file.Pointer, Magic);
        return new WorkerRegion(file, parameterCount, slots);
    }

    /// <summary>Worker: opens the one that the coordinator has made for it.</summary>
    /// <param name="path">As the coordinator says.</param>
    /// <param name="incarnation">Of that coordinator.</param>
    /// <param name="workerId">This worker's id.</param>
    /// <param name="parameterCount">Elements of the model.</param>
    /// <param name="slots">As the coordinator says.</param>
    /// <exception cref="IOException">There is none there, or it is another one's.</exception>
    /// <exception cref="UnauthorizedAccessException">It is another user's.</exception>
    public static WorkerRegion Open(string path, ulong incarnation, int workerId, int parameterCount, int slots)
    {
        if (slots is < 2 or > MaximumSlots)
        {
            throw new IOException($"A region has 2 to {MaximumSlots} slots, not {slots}.");
        }

        var file = SharedFile.Open(path, Length(parameterCount, slots), writable: Length(parameterCount, slots));
        if (Volatile.Read(ref *(ulong*)file.Pointer) != Magic
            || *(ulong*)(file.Pointer + IncarnationOffset) != incarnation
            || *(long*)(file.Pointer + WorkerOffset) != workerId
            || *(int*)(file.Pointer + SlotsOffset) != slots)
        {
            file.Dispose();
            throw new IOException($"{path} is not the memory of this worker.");
        }

        Volatile.Write(ref *(int*)(file.Pointer + AttachedOffset), 1);
        return new WorkerRegion(file, parameterCount, slots);
    }

    /// <summary>The gradient of a slot, in the model's flat layout.</summary>
    /// <param name="slot">From 0.</param>
    /// <param name="owner">Disposed of with the buffer.</param>
    public AlignedBuffer<float> Gradient(int slot, IDisposable owner) =>
        new((float*)(_file.Pointer + TensorsOffset + (slot * SharedLayout.TensorBytes(_parameterCount))), _parameterCount, owner);

    /// <summary>Whether a slot is the coordinator's: delivered, and not given back.</summary>
    public bool IsDelivered(int slot) => Volatile.Read(ref *Owner(slot)) != 0;

    /// <summary>Coordinator: gives a slot back to the worker.</summary>
    public void GiveBack(int slot) => Volatile.Write(ref *Owner(slot), 0);

    /// <summary>Coordinator: replaces the lease; the caller rings.</summary>
    public void PutLease(LeaseGranted lease)
    {
        var sequence = (long*)(_file.Pointer + LeaseOffset);
        var length = lease.CalculateSize();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, MaximumLeaseBytes, nameof(lease));
        // Odd while it is written: whoever reads in between waits for the ring.
        Interlocked.Increment(ref *sequence);
        *(int*)(_file.Pointer + LeaseLengthOffset) = length;
        lease.WriteTo(new Span<byte>(_file.Pointer + LeaseMessageOffset, length));
        Interlocked.Increment(ref *sequence);
    }

    /// <summary>Coordinator: nobody wants leases up to this id any more; the caller rings if that matters.</summary>
    public void Revoke(long leaseId) => Volatile.Write(ref *(long*)(_file.Pointer + RevokedOffset), Math.Max(leaseId, RevokedThrough));

    /// <summary>Worker: the newest lease, once.</summary>
    /// <returns>Null if there is none since the last call, or one is being written: the coordinator rings when it has been.</returns>
    /// <exception cref="InvalidProtocolBufferException">What is there is no lease.</exception>
    public LeaseGranted? TakeLease()
    {
        var sequence = (long*)(_file.Pointer + LeaseOffset);
        var before = Volatile.Read(ref *sequence);
        if (before == _leaseSeen || before % 2 != 0)
        {
            return null;
        }

        Span<byte> message = stackalloc byte[MaximumLeaseBytes];
        var length = Math.Clamp(*(int*)(_file.Pointer + LeaseLengthOffset), 0, MaximumLeaseBytes);
        new ReadOnlySpan<byte>(_file.Pointer + LeaseMessageOffset, length).CopyTo(message);
        Thread.MemoryBarrier();
        if (Volatile.Read(ref *sequence) != before)
        {
            return null;
        }

        _leaseSeen = before;
        return LeaseGranted.Parser.ParseFrom(message[..length]);
    }

    /// <summary>Worker: hands a message over, with the slot that it announces or −1; the caller rings the run's doorbell.</summary>
    /// <returns>False while the coordinator has not taken enough of what was there before.</returns>
    public bool TryPost(WorkerMessage message, int slot)
    {
        if (_written - Volatile.Read(ref *Taken) >= EntryCount)
        {
            return false;
        }

        var entry = Entry(_written);
        var length = message.CalculateSize();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, EntryBytes - EntryMessageOffset, nameof(message));
        *(int*)entry = length;
        *((int*)entry + 1) = slot;
        message.WriteTo(new Span<byte>(entry + EntryMessageOffset, length));
        if (slot >= 0)
        {
            Volatile.Write(ref *Owner(slot), 1);
        }

        Volatile.Write(ref *Written, ++_written);
        return true;
    }

    /// <summary>Coordinator: the next message. Its place is free afterwards, even if it is none.</summary>
    /// <param name="message">It.</param>
    /// <param name="slot">What it announces; −1 for nothing.</param>
    /// <returns>False if there is none.</returns>
    /// <exception cref="InvalidProtocolBufferException">What is there is no message.</exception>
    /// <exception cref="InvalidDataException">More are said to be there than there is room for.</exception>
    public bool TryTake(out WorkerMessage message, out int slot)
    {
        // Both ends count for themselves: what the other one can write to decides nothing but how far to go.
        var waiting = Volatile.Read(ref *Written) - _taken;
        if (waiting == 0)
        {
            (message, slot) = (NoMessage, -1);
            return false;
        }

        if (waiting is < 0 or > EntryCount)
        {
            throw new InvalidDataException($"{waiting} messages are said to wait where {EntryCount} have room");
        }

        var entry = Entry(_taken++);
        var length = Math.Clamp(*(int*)entry, 0, EntryBytes - EntryMessageOffset);
        slot = *((int*)entry + 1);
        try
        {
            message = WorkerMessage.Parser.ParseFrom(new ReadOnlySpan<byte>(entry + EntryMessageOffset, length));
        }
        finally
        {
            Volatile.Write(ref *Taken, _taken);
        }

        return true;
    }

    /// <summary>Takes the name away: nobody opens it any more.</summary>
    public void Unlink() => _file.Unlink();

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static readonly WorkerMessage NoMessage = new();

    private static long Length(int parameterCount, int slots) => TensorsOffset + (slots * SharedLayout.TensorBytes(parameterCount));

    private long* Written => (long*)(_file.Pointer + WrittenOffset);

    private long* Taken => (long*)(_file.Pointer + TakenOffset);

    private int* Owner(int slot) => (int*)(_file.Pointer + OwnersOffset + (slot * SharedLayout.LineBytes));

    private byte* Entry(long number) => _file.Pointer + EntriesOffset + (number % EntryCount * EntryBytes);
}
