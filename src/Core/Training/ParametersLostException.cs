namespace DistTrain.Core.Training;

/// <summary>Parameters that a computation waits for will not come; <see cref="IParameterArrival"/>.</summary>
public sealed class ParametersLostException() : Exception("The parameters did not come to the end.");
