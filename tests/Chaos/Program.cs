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
    var options = ChaosOptions.Parse(args);
    if (!options.List)
    {
        await Tools.EnterNamespacesAsync(args);
    }

    return await ChaosRun.RunAsync(options);
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
