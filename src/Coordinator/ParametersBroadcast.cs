using System.Runtime.InteropServices;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Coordinator;

/// <summary>The parameters of the current version as messages: serialised once, shared by all workers (3.1).</summary>
/// <param name="incarnation">Of this coordinator.</param>
internal sealed class ParametersBroadcast(ulong incarnation)
{
    private long _version = -1;
    private IReadOnlyList<CoordinatorMessage> _messages = [];

    /// <summary>Header and chunks of a version, over a copy: the state may go on.</summary>
    public IReadOnlyList<CoordinatorMessage> Messages(long version, TrainingState state)
    {
        if (version != _version)
        {
            var bytes = MemoryMarshal.AsBytes(state.Parameters.Values);
            var header = new ParametersHeader
            {
                Incarnation = incarnation,
                Version = (ulong)version,
                LengthBytes = (ulong)bytes.Length,
                Checksum = Checksum.Of(bytes),
            };
            _messages =
            [
                new CoordinatorMessage { Parameters = header },
                .. Chunks.Copy(bytes).Select(chunk => new CoordinatorMessage { Chunk = chunk }),
            ];
            _version = version;
        }

        return _messages;
    }
}
