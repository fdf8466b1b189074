using System.Runtime.InteropServices;

namespace DistTrain.Cli;

/// <summary>
/// The whole command as one call, for <c>disttrain</c> itself and for programs of one's own that add layers, losses, models or datasets before it:
/// such a program is then a <c>disttrain</c> that knows them, also as coordinator and as worker, because it starts itself again for those.
/// </summary>
public static class DistTrainProgram
{
    /// <summary>Runs a command line in this process; call it once, last.</summary>
    /// <param name="arguments">Without the program's name.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        using var stop = new StopRequest();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => OnSignal(signal, ExitCode.Interrupted));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => OnSignal(signal, ExitCode.Terminated));
        return await DistTrainCommand.RunAsync(arguments, Surroundings.OfThisProcess(), stop).ConfigureAwait(false);

        // The first signal asks the verb to end in order; the second ends the process at once.
        void OnSignal(PosixSignalContext signal, int exitCode)
        {
            signal.Cancel = true;
            if (!stop.Ask(exitCode))
            {
                Environment.Exit(exitCode);
            }
        }
    }
}
