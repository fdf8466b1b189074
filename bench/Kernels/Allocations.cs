using System.Globalization;
using DistTrain.Core.Data;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Bench.Kernels;

/// <summary>What the single-process trainer takes from the managed heap per step, all threads together.</summary>
internal static class Allocations
{
    private const int WarmUpSteps = 10;
    private const int CountedSteps = 20;

    public static void Write(string model, int batchSize, int threads)
    {
        var dataset = SyntheticDigits.Create(trainCount: Math.Max(2000, 2 * batchSize), testCount: 10);
        var spec = new RunSpec(
            ModelCatalog.Get(model), DatasetSpec.Of(dataset), new OptimizerSpec("sgd", 0.01), batchSize, ShardCount: 8, Seed: 1,
            Steps: WarmUpSteps + CountedSteps, EvaluateEvery: 0);
        var meter = new Meter();
        using var state = Trainer.Run(spec, dataset, threads, meter);
        Console.WriteLine(((double)meter.Bytes / CountedSteps).ToString("0.##", CultureInfo.InvariantCulture));
    }

    private sealed class Meter : ITrainingObserver
    {
        private long _atStart;

        public long Bytes { get; private set; }

        public void StepDone(long stepsDone, TrainingState state)
        {
            if (stepsDone == WarmUpSteps)
            {
                _atStart = GC.GetTotalAllocatedBytes(precise: true);
            }
            else if (stepsDone == WarmUpSteps + CountedSteps)
            {
                Bytes = GC.GetTotalAllocatedBytes(precise: true) - _atStart;
            }
        }

        public void EvaluationStarted(long stepsDone)
        {
        }

        public void EvaluationDone(long stepsDone, TrainingState state)
        {
        }
    }
}
