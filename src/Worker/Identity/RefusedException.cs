namespace DistTrain.Worker.Identity;

/// <summary>The coordinator is not the one that was meant, or does not want this worker: trying again will not help. The message says what to do.</summary>
internal sealed class RefusedException(string message, Exception? inner = null) : Exception(message, inner);
