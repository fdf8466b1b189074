using System.Collections.Concurrent;
using DistTrain.Core.Training;

namespace DistTrain.Simulation;

/// <summary>The same run without any fault, in one process: what every other course of it must come to.</summary>
internal sealed class CalmRun : ITrainingObserver
{
    private static readonly ConcurrentDictionary<RunSpec, CalmRun> Known = new();

    private readonly Dictionary<long, UInt128> _chain = [];
    private readonly Dictionary<long, Evaluation> _evaluations = [];

    private CalmRun(RunSpec spec)
    {
        using var state = Trainer.Run(spec, Scenario.Data, observer: this);
        Parameters = [.. state.Parameters.Values];
    }

    /// <summary>The parameters at its end.</summary>
    public float[] Parameters { get; }

    /// <summary>The calm run of a spec.</summary>
    public static CalmRun Of(RunSpec spec) => Known.GetOrAdd(spec, key => new CalmRun(key));

    /// <summary>The hash chain after so many steps, at least 1.</summary>
    public UInt128 Chain(long stepsDone) => _chain[stepsDone];

    /// <summary>The evaluation after so many steps.</summary>
    public Evaluation Evaluation(long stepsDone) => _evaluations[stepsDone];

    void ITrainingObserver.StepDone(long stepsDone, TrainingState state) => _chain[stepsDone] = state.Chain;

    void ITrainingObserver.EvaluationStarted(long stepsDone)
    {
    }

    void ITrainingObserver.EvaluationDone(long stepsDone, TrainingState state) => _evaluations[stepsDone] = state.LastEvaluation!.Value;
}
