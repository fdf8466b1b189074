using System.Net;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Verbs;
using DistTrain.Cli.Views;
using DistTrain.Core.Training;
using DistTrain.Transport.SharedMemory;

namespace DistTrain.Cli.Experiments;

/// <summary>The one runner of all experiments: <see cref="Trainer"/> in this process, or a coordinator here and worker processes.</summary>
/// <param name="call">For the options, the clock and the wish to stop.</param>
/// <param name="workers">Processes to start; 0 computes here.</param>
/// <param name="threads">Of each.</param>
/// <param name="seed">Of every random number.</param>
internal sealed class ExperimentTraining(VerbCall call, int workers, int threads, ulong seed)
{
    /// <summary>Trains.</summary>
    public async Task<TrainedRun> RunAsync(TrainingPlan plan)
    {
        var data = plan.Data;
        var spec = new RunSpec(
            plan.Model,
            DatasetSpec.Of(data),
            plan.Optimizer, plan.BatchSize, plan.Shards, seed, plan.Epochs, plan.Steps);
        spec.Validate();
        var recorder = new Recorder(plan, spec, threads, call.Surroundings.Time);
        try
        {
            using var state = workers == 0
                ? Trainer.Run(spec, data, threads, recorder, cancellation: call.Stop.Token)
                : await OnWorkersAsync(spec, plan, recorder).ConfigureAwait(false);
            return recorder.ToRun(state.Parameters.Values.ToArray(), failure: null);
        }
        catch (TrainingFailedException e)
        {
            return recorder.ToRun([], e.Message);
        }
    }

    /// <summary>The same by a cluster. Its run directory is for its log only, and goes with it.</summary>
    private async Task<TrainingState> OnWorkersAsync(RunSpec spec, TrainingPlan plan, Recorder recorder)
    {
        var scratch = Directory.CreateTempSubdirectory("disttrain-experiment-");
        try
        {
            using var view = new SilentView(call.Surroundings);
            using var run = OpenRun.Open(RunDirectory.Create(scratch.FullName), view, CommonOptions.DefaultKeepCheckpoints, call.Surroundings);
            using var reporter = new RunReporter(spec, run.Directory, view, call.Surroundings, workers, threads, resumedFrom: null) { Also = recorder };
            var context = new RunContext(spec, plan.Data, run, From: null, CheckpointRule.Parse("off"), reporter, DataDirectory: null);
            var membership = new Membership(workers, Minimum: 1, CommonOptions.MostWorkers, AuditShare: 0, SharesMemory: RunSegment.IsSupported);
            var options = ClusterTraining.Options(membership) with
            {
                Listen = new IPEndPoint(IPAddress.Loopback, 0),
                StartTimeout = CommonOptions.DefaultStartTimeout,
            };
            var state = await ClusterTraining.RunAsync(context, options, workers, threads, call).ConfigureAwait(false);
            run.Journal.WaitForSave();
            return state;
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    /// <summary>Keeps the numbers of a run, whoever computes it.</summary>
    private sealed class Recorder(TrainingPlan plan, RunSpec spec, int threads, TimeProvider time) : ITrainingObserver
    {
        private readonly List<double> _losses = [];
        private readonly List<EpochPoint> _epochs = [];
        private readonly List<TimeSpan> _times = [];
        private long _begin = time.GetTimestamp();

        public void StepDone(long stepsDone, TrainingState state)
        {
            _losses.Add(state.LastStepLoss);
            _times.Add(time.GetElapsedTime(_begin));
            _begin = time.GetTimestamp();
        }

        public void EvaluationStarted(long stepsDone)
        {
        }

        public void EvaluationDone(long stepsDone, TrainingState state)
        {
            var trainAccuracy = plan.MeasuresTrainAccuracy
                ? Evaluator.Run(plan.Model, state.Parameters, plan.Data.Train, shardCount: spec.EvaluationShardCount, threads).Accuracy
                : double.NaN;
            var evaluation = state.LastEvaluation!.Value;
            _epochs.Add(new EpochPoint(_epochs.Count + 1, stepsDone, state.TrainLoss, evaluation.Loss, evaluation.Accuracy, trainAccuracy));
            _begin = time.GetTimestamp();
        }

        public TrainedRun ToRun(float[] parameters, string? failure) => new(plan, _losses, _epochs, parameters, failure) { StepTimes = _times };
    }

    /// <summary>Shows warnings only.</summary>
    private sealed class SilentView(Surroundings surroundings) : IRunView
    {
        public TimeSpan Interval => TimeSpan.MaxValue;

        public void Show(RunEvent happened)
        {
        }

        public void Warn(string line) => surroundings.Tell(line);

        public void Dispose()
        {
        }
    }
}
