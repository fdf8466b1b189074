using System.Diagnostics;
using DistTrain.Coordinator;
using DistTrain.Transport;
using DistTrain.Transport.Wire;

namespace DistTrain.Bench.Wire;

/// <summary>The coordinator's side of the measurement: who is attached, and rounds of parameters down and gradients up.</summary>
internal sealed class Exchange(int workers, int bytes) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Outbox> _outboxes = [];
    private readonly TaskCompletionSource _attached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _answered = new(0);
    private long _allocatedByWorkers;
    private long _processorTicksOfWorkers;

    /// <summary>Bytes of a tensor.</summary>
    public int Bytes => bytes;

    /// <summary>Completes when every worker is there.</summary>
    public Task AllAttached => _attached.Task;

    /// <summary>A worker is there.</summary>
    public void Attach(Outbox outbox)
    {
        lock (_gate)
        {
            _outboxes.Add(outbox);
            if (_outboxes.Count == workers)
            {
                _attached.SetResult();
            }
        }
    }

    /// <summary>A worker's gradient is here, whole.</summary>
    public void Answered() => _answered.Release();

    /// <summary>A worker says what it has allocated and computed since it started.</summary>
    public void Used(Usage byWorker)
    {
        Interlocked.Add(ref _allocatedByWorkers, byWorker.AllocatedBytes);
        Interlocked.Add(ref _processorTicksOfWorkers, byWorker.Processor.Ticks);
        _answered.Release();
    }

    /// <summary>Exchanges for so long.</summary>
    public async Task<(int Count, TimeSpan Took)> RunAsync(TimeSpan duration)
    {
        var messages = Parameters();
        var (began, count) = (Stopwatch.GetTimestamp(), 0);
        while (Stopwatch.GetElapsedTime(began) < duration)
        {
            foreach (var outbox in _outboxes)
            {
                outbox.SendParameters(messages);
            }

            await AllAnsweredAsync();
            count++;
        }

        return (count, Stopwatch.GetElapsedTime(began));
    }

    /// <summary>What this process and all workers have used since they started.</summary>
    public async Task<(Usage Own, Usage Workers)> UsageAsync()
    {
        Interlocked.Exchange(ref _allocatedByWorkers, 0);
        Interlocked.Exchange(ref _processorTicksOfWorkers, 0);
        foreach (var outbox in _outboxes)
        {
            outbox.Send(new CoordinatorMessage { Revoked = new LeaseRevoked() });
        }

        await AllAnsweredAsync();
        return (Usage.Own, new Usage(Interlocked.Read(ref _allocatedByWorkers), new TimeSpan(Interlocked.Read(ref _processorTicksOfWorkers))));
    }

    /// <summary>Lets the workers go.</summary>
    public void End() => _outboxes.ForEach(outbox => outbox.SendLast(new CoordinatorMessage { RunEnded = new RunEnded() }));

    /// <inheritdoc/>
    public void Dispose() => _answered.Dispose();

    private async Task AllAnsweredAsync()
    {
        for (var i = 0; i < workers; i++)
        {
            await _answered.WaitAsync();
        }
    }

    private CoordinatorMessage[] Parameters() =>
    [
        new CoordinatorMessage { Parameters = new ParametersHeader { LengthBytes = (ulong)bytes } },
        .. new SharedChunks(new byte[bytes]).Chunks.Select(chunk => new CoordinatorMessage { Chunk = chunk }),
    ];
}
