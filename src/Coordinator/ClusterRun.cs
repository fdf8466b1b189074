using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using DistTrain.Core.Training;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;
using Microsoft.Extensions.Logging;

namespace DistTrain.Coordinator;

/// <summary>
/// The run loop: one reader of one channel, who hands each input to the <see cref="RunConductor"/>. Numbers in comments are steps of
/// docs/protocol.md.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The state passes to whoever awaits Completion; EndAsync disposes of it if there is no such result.")]
internal sealed class ClusterRun : IRunIntake
{
    private const int MaximumWaitingInputs = 64;

    private readonly CoordinatorOptions _options;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly RunConductor _conductor;
    private readonly Channel<RunInput> _inputs;
    private readonly Doorbell _bell;
    private readonly Lock _bellGate = new();
    private bool _bellIsGone;
    private readonly TaskCompletionSource<TrainingState> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _hasEnded;
    private Func<int, int>? _scale;

    /// <summary>A run that has not begun.</summary>
    public ClusterRun(ConductorSetup setup)
    {
        (_options, _log, _time) = (setup.Options, setup.Log, setup.Time);
        _conductor = new RunConductor(setup);
        _inputs = Channel.CreateBounded<RunInput>(new BoundedChannelOptions(MaximumWaitingInputs) { SingleReader = true });
        _bell = setup.Segment?.Bell ?? new Doorbell(spins: false);
        KeepsCheckpoints = setup.Recorder is not null;
    }

    /// <inheritdoc/>
    public ulong Incarnation => _conductor.Incarnation;

    /// <inheritdoc/>
    public int ParameterCount => _conductor.ParameterCount;

    /// <inheritdoc/>
    public PartialPools Pools => _conductor.Pools;

    /// <inheritdoc/>
    public bool IsAuditing => _conductor.IsAuditing;

    /// <summary>Whether there is somebody to keep checkpoints.</summary>
    public bool KeepsCheckpoints { get; }

    /// <summary>Makes so many worker processes of this run's own be there, and says how many were to be before; null if it has none. Any thread.</summary>
    public Func<int, int>? Scale
    {
        get => Volatile.Read(ref _scale);
        set => Volatile.Write(ref _scale, value);
    }

    /// <summary>Who may not come back; for any thread.</summary>
    public Quarantine Quarantine => _conductor.Quarantine;

    /// <inheritdoc/>
    public Round? CurrentRound => _conductor.CurrentRound;

    /// <summary>True once the run is over, for any thread.</summary>
    public bool HasEnded => _hasEnded;

    /// <summary>What workers are told once the run is over.</summary>
    public RunEnded Ending { get; private set; } = new();

    /// <summary>The final state, or why there is none.</summary>
    public Task<TrainingState> Completion => _completion.Task;

    /// <inheritdoc/>
    public TimeProvider Time => _time;

    /// <inheritdoc/>
    public bool IsFinite(Partial partial) => _conductor.IsFinite(partial);

    /// <inheritdoc/>
    public async ValueTask<bool> TellAsync(RunInput input)
    {
        while (await _inputs.Writer.WaitToWriteAsync())
        {
            if (_inputs.Writer.TryWrite(input))
            {
                Ring();
                return true;
            }
        }

        return false;
    }

    /// <summary>Asks for something; answered when it is done.</summary>
    public async Task<ControlReply> ControlAsync(ControlVerb verb)
    {
        var reply = new TaskCompletionSource<ControlReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        return await TellAsync(new RunInput.Control(verb, reply)) ? await reply.Task : new ControlReply(-1, "the run has ended");
    }

    /// <summary>How the run stands; null if it has ended.</summary>
    public async Task<RunStatus?> StatusAsync()
    {
        var reply = new TaskCompletionSource<RunStatus>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            return await TellAsync(new RunInput.Status(reply)) ? await reply.Task : null;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>Runs to the end, on a thread of its own: what it waits for may be said in memory, where nothing awaits. Never throws: the outcome is <see cref="Completion"/>.</summary>
    public async Task RunAsync()
    {
        var loop = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() => loop.SetResult(Loop())) { IsBackground = true, Name = "run" }.Start();
        await EndAsync(await loop.Task);
    }

    private Exception? Loop()
    {
        try
        {
            _conductor.Begin();
            var ticked = _time.GetTimestamp();
            while (!_conductor.HasEnded)
            {
                TakeAll(_conductor.TickLength - _time.GetElapsedTime(ticked));
                // No timer: it would wake two threads more, forty times a second, in a run that waits.
                if (!_conductor.HasEnded && _time.GetElapsedTime(ticked) >= _conductor.TickLength)
                {
                    ticked = _time.GetTimestamp();
                    _conductor.Take(RunInput.Tick.Instance);
                }
            }

            return null;
        }
#pragma warning disable CA1031 // Whatever it is, the workers are told and the caller of Completion gets it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return e;
        }
    }

    /// <summary>The memory that the bell lies in may go once the run is over.</summary>
    private void Ring()
    {
        lock (_bellGate)
        {
            if (!_bellIsGone)
            {
                _bell.Ring();
            }
        }
    }

    /// <summary>
    /// Takes what there is, and waits for so long at most if there is nothing. What comes meanwhile is for the next time: whoever always has something to say
    /// delays neither time nor those who share memory.
    /// </summary>
    private void TakeAll(TimeSpan patience)
    {
        var seen = _bell.Value;
        var any = _conductor.TakeShared();
        for (var i = 0; i < MaximumWaitingInputs && !_conductor.HasEnded && _inputs.Reader.TryRead(out var input); i++)
        {
            any = true;
            _conductor.Take(input);
        }

        if (!any && patience > TimeSpan.Zero)
        {
            _bell.Await(seen, patience);
        }
    }

    /// <summary>(6.1) Tells the workers, gives them time to leave, and completes.</summary>
    private async Task EndAsync(Exception? failure)
    {
        var outcome = failure switch
        {
            null => RunOutcome.Completed,
            OperationCanceledException => RunOutcome.Stopped,
            _ => RunOutcome.Failed,
        };
        Ending = new RunEnded { Outcome = outcome, Reason = failure?.Message ?? "" };
        _hasEnded = true;
        _inputs.Writer.TryComplete();
        _conductor.End(failure);
        var connections = _conductor.Connections.ToList();
        while (_inputs.Reader.TryRead(out var late))
        {
            Decline(late, connections);
        }

        connections.ForEach(connection => connection.Outbox.SendLast(new CoordinatorMessage { RunEnded = Ending }));
        try
        {
            await Task.WhenAll(connections.Select(connection => connection.Ended)).WaitAsync(_options.GoodbyeDeadline, _time);
        }
        catch (TimeoutException)
        {
            foreach (var connection in connections.Where(connection => !connection.Ended.IsCompleted))
            {
                Log.NoGoodbye(_log, connection.Info);
                connection.Abort();
            }
        }

        Complete(failure);
    }

    /// <summary>What comes after the end: new workers are told like the others, who waits for an answer gets one.</summary>
    private static void Decline(RunInput late, List<WorkerConnection> connections)
    {
        switch (late)
        {
            case RunInput.Attached(var connection):
                connections.Add(connection);
                break;
            case RunInput.Control(_, var reply):
                reply.TrySetResult(new ControlReply(-1, "the run has ended"));
                break;
            case RunInput.Status(var reply):
                reply.TrySetCanceled();
                break;
        }
    }

    private void Complete(Exception? failure)
    {
        lock (_bellGate)
        {
            _bellIsGone = true;
        }

        if (failure is null)
        {
            _completion.SetResult(_conductor.State);
            return;
        }

        _conductor.State.Dispose();
        if (failure is OperationCanceledException and not RunStoppedException)
        {
            _completion.SetCanceled();
        }
        else
        {
            _completion.SetException(failure);
        }
    }
}
