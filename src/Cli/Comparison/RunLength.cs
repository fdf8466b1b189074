namespace DistTrain.Cli.Comparison;

/// <summary>How many steps a run of a comparison has when nobody says: enough to tell, and few enough that an answer comes soon. Purely.</summary>
public static class RunLength
{
    /// <summary>Steps of the first try.</summary>
    public const int FirstTry = 8;

    /// <summary>Steps of the second, where the first was over before the program was warm.</summary>
    public const int SecondTry = 200;

    private const double Seconds = 0.6;
    private const double MostSeconds = 4;
    private const int Least = 6;
    private const int Most = 5000;

    /// <summary>Whether a second try would cost next to nothing, and tell more.</summary>
    /// <param name="samplesPerSecond">Of the first.</param>
    /// <param name="batchSize">Samples per step.</param>
    public static bool WantsSecondTry(double samplesPerSecond, int batchSize) => SecondTry * batchSize / samplesPerSecond < Seconds * 2;

    /// <summary>Steps that one process with one thread takes <see cref="Seconds"/> for.</summary>
    /// <param name="samplesPerSecond">Of one process with one thread; null if it is unknown.</param>
    /// <param name="batchSize">Samples per step.</param>
    public static int Steps(double? samplesPerSecond, int batchSize) =>
        samplesPerSecond is { } rate ? (int)Math.Clamp(Seconds * rate / batchSize, Least, Most) : Most;

    /// <summary>Whether a run with a batch of that size, of the fewest steps, is short enough to look for the break-even with it.</summary>
    /// <inheritdoc cref="Steps"/>
    public static bool IsShort(double? samplesPerSecond, int batchSize) => Least * batchSize / samplesPerSecond <= MostSeconds;
}
