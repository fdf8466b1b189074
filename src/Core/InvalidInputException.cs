namespace DistTrain.Core;

/// <summary>
/// Something the user gave (a file, an option, an address) cannot be used. The message is written for that user: what is wrong,
/// where, and what to do. The command line prints it without a stack trace and exits with code 2.
/// </summary>
public sealed class InvalidInputException : Exception
{
    /// <summary>An error with a message for the user.</summary>
    public InvalidInputException(string message)
        : base(message)
    {
    }

    /// <summary>An error with a message for the user, and the failure underneath for the log.</summary>
    public InvalidInputException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
