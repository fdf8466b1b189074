using System.Runtime.InteropServices;

namespace DistTrain.Cli;

/// <summary>
/// The whole command as one call, for <c>disttrain</c> itself and for programs of one's own that add layers, losses, models or datasets before it:
/// such a program is then a <c>disttrain</c> that knows them, also as coordinator and as worker, because it starts itself again for those.
/// </summary>
public static class DistTrainProgram
{
    private const int SigUsr1OnLinux = 10;
    private const int SigUsr1OnBsd = 30;

    /// <summary>Runs a command line in this process; call it once, last.</summary>
    /// <param name="arguments">Without the program's name.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        using var stop = new StopRequest();
        var isWarned = false;
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => OnSignal(signal, ExitCode.Interrupted));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => OnSignal(signal, ExitCode.Terminated));
        // Schedulers warn by it before a time limit. The library has no name for it, and takes the system's own number; Windows has no such signal.
        using var warn = OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(
            (PosixSignal)(OperatingSystem.IsLinux() ? SigUsr1OnLinux : SigUsr1OnBsd), OnWarning);
        return await DistTrainCommand.RunAsync(arguments, Surroundings.OfThisProcess(), stop).ConfigureAwait(false);

        // The first signal asks the verb to end in order; the second ends the process at once.
        void OnSignal(PosixSignalContext signal, int exitCode)
        {
            signal.Cancel = true;
            if (!stop.Ask(exitCode) && !Interlocked.Exchange(ref isWarned, false))
            {
                Environment.Exit(exitCode);
            }
        }

        // A warning asks too, and never ends the process: neither a second one, nor the first signal after it, which is the time limit itself.
        void OnWarning(PosixSignalContext signal)
        {
            signal.Cancel = true;
            if (stop.Ask(ExitCode.Warned))
            {
                Volatile.Write(ref isWarned, true);
            }
        }
    }
}
