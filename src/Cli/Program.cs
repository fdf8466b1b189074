using System.Runtime.InteropServices;
using DistTrain.Cli;

using var stop = new StopRequest();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => OnSignal(signal, ExitCode.Interrupted));
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => OnSignal(signal, ExitCode.Terminated));
return await DistTrainCommand.RunAsync(args, Surroundings.OfThisProcess(), stop).ConfigureAwait(false);

// The first signal asks the verb to end in order; the second ends the process at once.
void OnSignal(PosixSignalContext signal, int exitCode)
{
    signal.Cancel = true;
    if (!stop.Ask(exitCode))
    {
        Environment.Exit(exitCode);
    }
}
