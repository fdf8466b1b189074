using System.Runtime.InteropServices;
using DistTrain.Chaos;
using DistTrain.Chaos.Faults;

if (args is [FaultyWorker.Command, .. var rest])
{
    return await FaultyWorker.RunAsync(rest);
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
AppDomain.CurrentDomain.ProcessExit += (_, _) => ChaosProcess.KillAll();
try
{
    return await ChaosRun.RunAsync(ChaosOptions.Parse(args));
}
catch (FormatException e)
{
    await Console.Error.WriteLineAsync($"{e.Message}\n{ChaosOptions.Usage}");
    return 2;
}

// No process outlives this one.
static void End(PosixSignalContext signal)
{
    ChaosProcess.KillAll();
    Environment.Exit(signal.Signal == PosixSignal.SIGINT ? 130 : 143);
}
