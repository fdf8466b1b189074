using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Coordinator;

/// <summary>
/// The parameters of the current version as messages, shared by all workers (3.1). They are sent from the state's own memory; only when that is about to
/// change, and somebody is still being sent them, they move over to a copy. For the run loop.
/// </summary>
/// <param name="incarnation">Of this coordinator.</param>
internal sealed class ParametersBroadcast(ulong incarnation)
{
    private readonly List<Edition> _editions = [];
    private Edition? _current;
    private long _version = -1;

    /// <summary>Header and chunks of a version. They stay what they are for as long as a member's outbox holds them.</summary>
    public IReadOnlyList<CoordinatorMessage> Messages(long version, TrainingState state)
    {
        if (version != _version || _current is null)
        {
            var memory = TensorBytes.Of(state.Parameters);
            var header = new ParametersHeader
            {
                Incarnation = incarnation,
                Version = (ulong)version,
                LengthBytes = (ulong)memory.Length,
                Checksum = Checksum.Of(memory.Span),
            };
            _current = Free(memory);
            _current.Messages[0] = new CoordinatorMessage { Parameters = header };
            _version = version;
        }

        return _current.Messages;
    }

    /// <summary>The parameters are about to change: who is still being sent them gets the rest from a copy.</summary>
    /// <param name="members">Everybody attached. Whoever is not has no use for what is still on its way to it.</param>
    public void Leave(IEnumerable<WorkerConnection> members)
    {
        foreach (var edition in _editions)
        {
            edition.IsHeld = members.Any(member => member.Outbox.Holds(edition.Messages));
        }

        if (_current is { IsHeld: true })
        {
            _current.MoveToCopy();
        }

        _current = null;
    }

    /// <summary>The parameters' memory is about to go.</summary>
    public void End()
    {
        _editions.ForEach(edition => edition.MoveToCopy());
        _current = null;
    }

    private Edition Free(ReadOnlyMemory<byte> memory)
    {
        var edition = _editions.Find(edition => !edition.IsHeld);
        if (edition is null)
        {
            edition = new Edition(memory);
            _editions.Add(edition);
        }
        else
        {
            edition.Begin(memory);
        }

        return edition;
    }

    /// <summary>One set of messages, of one version at a time.</summary>
    private sealed class Edition
    {
        private readonly SharedChunks _chunks;
        private ReadOnlyMemory<byte> _live;
        private byte[]? _copy;
        private bool _isCopied;

        public Edition(ReadOnlyMemory<byte> memory)
        {
            _live = memory;
            _chunks = new SharedChunks(memory);
            Messages = [new CoordinatorMessage(), .. _chunks.Chunks.Select(chunk => new CoordinatorMessage { Chunk = chunk })];
        }

        /// <summary>The header's place, and the chunks.</summary>
        public CoordinatorMessage[] Messages { get; }

        /// <summary>Whether somebody was still being sent them at the last change.</summary>
        public bool IsHeld { get; set; }

        public void Begin(ReadOnlyMemory<byte> memory)
        {
            if (_isCopied || !memory.Equals(_live))
            {
                (_live, _isCopied) = (memory, false);
                _chunks.MoveTo(memory);
            }
        }

        public void MoveToCopy()
        {
            if (!_isCopied)
            {
                _copy ??= GC.AllocateUninitializedArray<byte>(_live.Length);
                _live.CopyTo(_copy);
                _chunks.MoveTo(_copy);
                _isCopied = true;
            }
        }
    }
}
