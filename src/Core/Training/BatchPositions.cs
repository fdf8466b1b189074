namespace DistTrain.Core.Training;

/// <summary>Which samples a step trains on: positions of its epoch's permutation.</summary>
/// <param name="Epoch">The epoch, from 0.</param>
/// <param name="First">The first position within the epoch.</param>
/// <param name="Count">Number of samples: the batch size, or fewer in the last step of an epoch.</param>
public readonly record struct BatchPositions(long Epoch, int First, int Count);
