using System.CommandLine;
using DistTrain.Coordinator;

// The run owns signals: its workers are told before the process ends.
return await CoordinatorCommand.CreateRoot().Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
