namespace DistTrain.Coordinator;

/// <summary>Too few workers came in time, or all left and none came back. The message says whom the run waited for; exit code 3.</summary>
public sealed class NotEnoughWorkersException(string message) : Exception(message);
