using DistTrain.Core.Checkpoints;
using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>A run that has a past, a memory, or both.</summary>
/// <param name="Incarnation">Higher than that of any coordinator before.</param>
/// <param name="From">Where to go on; null for step 0. Read before the start returns; stays the caller's.</param>
/// <param name="Recorder">Told what to keep.</param>
public sealed record RunContinuation(ulong Incarnation, TrainingSnapshot? From, IRunRecorder? Recorder);
