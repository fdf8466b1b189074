namespace DistTrain.Core.Training;

/// <summary>Which samples a step trains on: positions of its epoch's permutation.</summary>
/// <param name="Step">The step of the run, from 0.</param>
/// <param name="Epoch">The epoch, from 0.</param>
/// <param name="First">The first position within the epoch.</param>
/// <param name="Count">Number of samples: the batch size, or fewer in the last step of an epoch.</param>
public readonly record struct BatchPositions(long Step, long Epoch, int First, int Count);
