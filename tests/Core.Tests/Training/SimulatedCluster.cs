using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

/// <summary>
/// A cluster in one thread: real numbers, a real session, and a network whose messages a seed reorders, drops and repeats while workers
/// of all kinds come and go.
/// </summary>
internal sealed unsafe class SimulatedCluster(RunSpec spec, Dataset dataset, int seed) : IDisposable
{
    private const int MostWorkers = 5;

    private readonly Random _random = new(seed);
    private readonly TrainingSession _session = new(spec);
    private readonly TrainingState _state = new(spec, VectorKernels.Best);
    private readonly Dictionary<int, Worker> _workers = [];
    private readonly List<(int Worker, Round Round, Partial Partial)> _network = [];
    private readonly List<long> _deadlines = [];
    private int _nextWorker = 1;
    private bool _hasEnded;

    public int WorkersLost { get; private set; }

    public int AnswersDropped { get; private set; }

    /// <summary>Trains, and returns the hash of the parameters.</summary>
    public string Run()
    {
        while (!_hasEnded)
        {
            var chance = _random.Next(100);
            if (_workers.Count == 0 || (chance < 8 && _workers.Count < MostWorkers))
            {
                var worker = _nextWorker++;
                _workers.Add(worker, new Worker(spec, _state.Pools, threads: 1 + (worker % 2), VectorKernels.All[worker % 3]));
                Apply(SessionEvent.WorkerJoined(worker));
            }
            else if (chance < 14)
            {
                var worker = _workers.Keys.ElementAt(_random.Next(_workers.Count));
                _workers.Remove(worker, out var lost);
                lost!.Dispose();
                WorkersLost++;
                Apply(SessionEvent.WorkerLost(worker));
            }
            else if (chance < 25 && _deadlines.Count > 0)
            {
                Apply(SessionEvent.DeadlinePassed(Take(_deadlines)));
            }
            else if (_network.Count > 0)
            {
                var (worker, round, partial) = Take(_network);
                Apply(SessionEvent.PartialArrived(worker, round, partial.Node), partial);
            }
            else if (_deadlines.Count == 0)
            {
                // Every answer was dropped and every deadline has passed: only a new worker can help, as the dead-time would bring about.
                foreach (var worker in _workers.Keys.ToList())
                {
                    _workers.Remove(worker, out var lost);
                    lost!.Dispose();
                    Apply(SessionEvent.WorkerLost(worker));
                }
            }
        }

        return ParametersHash.Sha256(_state.Parameters.Values);
    }

    public void Dispose()
    {
        foreach (var worker in _workers.Values)
        {
            worker.Dispose();
        }

        _network.ForEach(message => _state.Pools.For(message.Round.Kind).Return(message.Partial));
        _state.Dispose();
    }

    private T Take<T>(List<T> list)
    {
        var index = _random.Next(list.Count);
        var taken = list[index];
        list.RemoveAt(index);
        return taken;
    }

    private void Apply(SessionEvent occurred, Partial? arrived = null)
    {
        foreach (var effect in _session.Apply(occurred).ToList())
        {
            switch (effect.Kind)
            {
                case EffectKind.SendParameters:
                    _workers[effect.Worker].Take(_state.Parameters.Values);
                    break;
                case EffectKind.Lease:
                    _deadlines.Add(effect.Lease.Id);
                    foreach (var partial in _workers[effect.Worker].Compute(effect.Lease, spec, dataset))
                    {
                        Send(effect.Worker, effect.Round, partial);
                    }

                    break;
                case EffectKind.AnswerPartial when effect.Verdict == PartialVerdict.Counted:
                    _state.Add(effect.Round.Kind, arrived!);
                    break;
                case EffectKind.AnswerPartial:
                    _state.Pools.For(effect.Round.Kind).Return(arrived!);
                    break;
                case EffectKind.CommitStep:
                    Apply(_state.CommitStep(effect.Round.Version));
                    break;
                case EffectKind.CommitEvaluation:
                    _state.CommitEvaluation();
                    break;
                case EffectKind.Complete:
                    _hasEnded = true;
                    break;
                case EffectKind.Fail:
                    throw new TrainingFailedException(effect.Reason!);
            }
        }
    }

    private void Send(int worker, Round round, Partial partial)
    {
        var chance = _random.Next(10);
        if (chance == 0)
        {
            AnswersDropped++;
            _state.Pools.For(round.Kind).Return(partial);
            return;
        }

        _network.Add((worker, round, partial));
        if (chance == 1)
        {
            var copy = _state.Pools.For(round.Kind).Rent();
            (copy.Node, copy.SampleCount, copy.LossSum, copy.CorrectCount) = (partial.Node, partial.SampleCount, partial.LossSum, partial.CorrectCount);
            partial.Gradient.Span.CopyTo(copy.Gradient.Span);
            _network.Add((worker, round, copy));
        }
    }

    private sealed class Worker(RunSpec spec, PartialPools pools, int threads, Kernels<float> kernels) : IDisposable
    {
        private readonly ShardComputation _computation = new(spec, kernels, threads, pools);
        private readonly Core.Tensors.ParameterSet _parameters = spec.Model.InitialParameters(seed: 0);

        public void Take(ReadOnlySpan<float> parameters)
        {
            parameters.CopyTo(_parameters.Values);
            _computation.UseParameters(_parameters.Pointer);
        }

        public List<Partial> Compute(Lease lease, RunSpec spec, Dataset dataset)
        {
            var partials = new List<Partial>();
            var (kind, version, shardCount) = lease.Round;
            if (kind == RoundKind.Evaluation)
            {
                _computation.Evaluate(dataset.Test, shardCount, lease.Range, partials);
                return partials;
            }

            var batch = Sampler.Batch(version, spec.Dataset.TrainCount, spec.BatchSize);
            var order = Sampler.Permutation(spec.Seed, batch.Epoch, spec.Dataset.TrainCount);
            _computation.ComputeGradients(dataset.Train, order, batch, shardCount, lease.Range, partials);
            return partials;
        }

        public void Dispose()
        {
            _computation.Dispose();
            _parameters.Dispose();
        }
    }
}
