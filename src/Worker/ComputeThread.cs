using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;
using RoundKind = DistTrain.Core.Training.RoundKind;

namespace DistTrain.Worker;

/// <summary>What the compute thread says, on its own thread.</summary>
internal interface IComputeListener
{
    /// <summary>A partial is computed; it belongs to the listener, who returns it to the pool.</summary>
    /// <param name="lease">What it is of.</param>
    /// <param name="partial">The sums.</param>
    /// <param name="computeTime">How long the lease was computed.</param>
    void Computed(Lease lease, Partial partial, TimeSpan computeTime);

    /// <summary>Whether it wants to know what is final while the rest is being computed.</summary>
    bool TakesPieces { get; }

    /// <summary>Elements <c>[firstElement, parameter length)</c> of a partial's gradient are final; the rest is being computed.</summary>
    void Advanced(Lease lease, Partial partial, int firstElement);

    /// <summary>Nobody wants a partial, of which <see cref="Advanced"/> may have told; it belongs to the listener, who returns it to the pool.</summary>
    void Dropped(Lease lease, Partial partial);

    /// <summary>A lease cannot be computed.</summary>
    void Returned(long leaseId, ReturnReason reason);

    /// <summary>Computing failed; nothing more comes.</summary>
    void Failed(Exception failure);
}

/// <summary>
/// The thread that computes leases, apart from all I/O. What it computes next is the <see cref="LeaseQueue"/>'s decision.
/// </summary>
internal sealed unsafe class ComputeThread : IComputation, IGradientProgress, IParameterArrival, IDisposable
{
    private readonly Lock _gate = new();
    private readonly Doorbell _bell = new(spins: true);
    private readonly int _workerId;
    private readonly RunSpec _spec;
    private readonly Dataset _dataset;
    private readonly IComputeListener _listener;
    private readonly TimeProvider _time;
    private readonly ShardComputation _computation;
    private readonly LeaseQueue _queue;
    private readonly List<Partial> _partials = [];
    private readonly int[] _order;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int _parameterLength;
    private long _epochOfOrder = -1;
    private volatile SharedChannel? _shared;
    private long _sharedVersion = -1;
    private Lease _current;
    private ArrivingParameters? _arrival;
    private TimeSpan _waited;
    private IReadOnlyList<Partial> _inProgress = [];

    /// <summary>Starts the thread.</summary>
    public ComputeThread(RunSpec spec, Dataset dataset, int threads, PartialPools pools, IComputeListener listener, TimeProvider time, int workerId = 0)
    {
        _workerId = workerId;
        _spec = spec;
        _dataset = dataset;
        _listener = listener;
        _time = time;
        var layout = spec.Model.ParameterLayout();
        _parameterLength = layout.ParameterLength;
        _queue = new LeaseQueue(layout.Length);
        _computation = new ShardComputation(spec, VectorKernels.Best, threads, pools);
        _order = new int[dataset.Train.Count];
        _thread = new Thread(Serve) { IsBackground = true, Name = "compute 0" };
        _thread.Start();
    }

    /// <summary>Completes when the thread has ended, after <see cref="Stop"/> and the lease it was computing.</summary>
    public Task Idle => _idle.Task;

    /// <inheritdoc/>
    public AlignedBuffer<float> RentBuffer()
    {
        lock (_gate)
        {
            return _queue.RentBuffer();
        }
    }

    /// <inheritdoc/>
    public void Use(long version, AlignedBuffer<float> buffer, ArrivingParameters? arrival = null)
    {
        lock (_gate)
        {
            _queue.Use(version, buffer, arrival);
        }
    }

    /// <inheritdoc/>
    public void Take(Lease lease)
    {
        lock (_gate)
        {
            if (_queue.Take(lease))
            {
                _bell.Ring();
                return;
            }
        }

        _listener.Returned(lease.Id, ReturnReason.Stopping);
    }

    /// <inheritdoc/>
    public void Revoke(long leaseId)
    {
        lock (_gate)
        {
            _queue.Revoke(leaseId);
        }
    }

    /// <summary>(8.2) From here on leases, parameters and partials are exchanged in shared memory. Before the first lease.</summary>
    public void Share(SharedChannel channel)
    {
        channel.GiveSlots(_computation.Pools.Training);
        _shared = channel;
        _bell.Ring();
    }

    /// <summary>Whether everything in a partial is finite; for the listener, on the compute thread.</summary>
    public bool IsFinite(Partial partial) => _computation.IsFinite(partial);

    /// <summary>Takes no more leases; the current one is finished, one that waits is returned.</summary>
    public void Stop()
    {
        Lease? unbegun;
        lock (_gate)
        {
            unbegun = _queue.Stop();
        }

        _bell.Ring();
        _shared?.Close();

        if (unbegun is { } lease)
        {
            _listener.Returned(lease.Id, ReturnReason.Stopping);
        }
    }

    /// <summary>Stops, and waits for the lease being computed.</summary>
    public void Dispose()
    {
        Stop();
        _thread.Join();
        _computation.Dispose();
        _queue.Dispose();
        _bell.Dispose();
    }

    /// <inheritdoc/>
    void IParameterArrival.Await(int end)
    {
        var arrival = _arrival!;
        if (arrival.IsDecided(end) || Thread.CurrentThread != _thread)
        {
            arrival.Await(end);
            return;
        }

        // The lease's time is that of this thread.
        var began = _time.GetTimestamp();
        arrival.Await(end);
        _waited += _time.GetElapsedTime(began);
    }

    /// <inheritdoc/>
    void IGradientProgress.Begun(IReadOnlyList<Partial> partials) => _inProgress = partials;

    /// <inheritdoc/>
    void IGradientProgress.Final(int first)
    {
        // Less than a chunk is not worth a message, nor is what is the end anyway.
        if (first == 0 || (_parameterLength - first) * sizeof(float) < Protocol.ChunkBytes)
        {
            return;
        }

        lock (_gate)
        {
            if (_queue.IsRevoked)
            {
                return;
            }
        }

        foreach (var partial in _inProgress)
        {
            _listener.Advanced(_current, partial, first);
        }
    }

    private void Serve()
    {
        try
        {
            while (AwaitLease() is { } lease)
            {
                if (TakeParameters(lease.Round.Version))
                {
                    Compute(lease);
                }
                else
                {
                    _listener.Returned(lease.Id, ReturnReason.Parameters);
                }
            }
        }
#pragma warning disable CA1031 // The listener ends the attachment with it; a thread must not take the process down silently.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _listener.Failed(e);
        }

        _idle.SetResult();
    }

    private Lease? AwaitLease()
    {
        while (true)
        {
            // The channel may come while this thread waits on its own bell.
            var shared = _shared;
            var bell = shared?.Bell ?? _bell;
            var seen = bell.Value;
            if (shared is not null)
            {
                TakeShared(shared);
            }

            lock (_gate)
            {
                if (_queue.Begin() is { } lease)
                {
                    return lease;
                }

                if (_queue.IsStopping)
                {
                    return null;
                }
            }

            if (shared == _shared)
            {
                bell.Await(seen);
            }
        }
    }

    /// <summary>Looks for what the coordinator has put into shared memory.</summary>
    private void TakeShared(SharedChannel shared)
    {
        if (shared.TakeLease() is { } granted)
        {
            if (Leases.Of(granted, _spec, _workerId) is { } lease)
            {
                Take(lease);
            }
            else
            {
                throw new InvalidOperationException($"The coordinator broke the protocol: {Leases.Describe(granted)}");
            }
        }

        lock (_gate)
        {
            _queue.RevokeThrough(shared.RevokedThrough);
        }
    }

    private bool TakeParameters(long version)
    {
        if (_shared is { } shared)
        {
            // Those of the newest lease; if that is another by now, nobody wants this one's result.
            if (_sharedVersion != version)
            {
                _sharedVersion = version;
                _computation.UseParameters(shared.Parameters);
            }

            shared.Reclaim(_computation.Pools.Training);
            return true;
        }

        lock (_gate)
        {
            var fits = _queue.TakeParameters(version, out var areNew);
            if (areNew)
            {
                _arrival = _queue.Arrival;
                _computation.UseParameters(_queue.InUse!.Pointer, _arrival is null ? null : this);
            }

            return fits;
        }
    }

    private void Compute(Lease lease)
    {
        _current = lease;
        _waited = TimeSpan.Zero;
        var began = _time.GetTimestamp();
        var isLost = !TryCompute(lease);
        var computeTime = _time.GetElapsedTime(began) - _waited;
        if (_shared is { } shared)
        {
            TakeShared(shared);
        }

        bool isRevoked;
        lock (_gate)
        {
            isRevoked = _queue.IsRevoked;
        }

        foreach (var partial in _partials)
        {
            if (isRevoked || isLost)
            {
                _listener.Dropped(lease, partial);
            }
            else
            {
                _listener.Computed(lease, partial, computeTime);
            }
        }

        _partials.Clear();
        if (isLost && !isRevoked)
        {
            _listener.Returned(lease.Id, ReturnReason.Parameters);
        }
    }

    /// <summary>Computes; the partials are there afterwards, if any are.</summary>
    /// <returns>False if the parameters did not come, or came damaged: whatever was computed is void.</returns>
    private bool TryCompute(Lease lease)
    {
        try
        {
            ComputePartials(lease);
            _arrival?.AwaitVerified();
            return true;
        }
        catch (ParametersLostException)
        {
            return false;
        }
    }

    private void ComputePartials(Lease lease)
    {
        if (lease.Round.Kind == RoundKind.Training)
        {
            var batch = Sampler.Batch(lease.Round.Version, _spec.Dataset.TrainCount, _spec.BatchSize);
            if (batch.Epoch != _epochOfOrder)
            {
                Sampler.Permutation(_spec.Seed, batch.Epoch, _order);
                _epochOfOrder = batch.Epoch;
            }

            _computation.ComputeGradients(_dataset.Train, _order, batch, lease.Round.ShardCount, lease.Range, _partials, _listener.TakesPieces ? this : null);
        }
        else
        {
            _computation.Evaluate(_dataset.Test, lease.Round.ShardCount, lease.Range, _partials);
        }
    }
}
