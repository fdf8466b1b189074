using System.CommandLine;
using DistTrain.Worker;

// The host owns signals: the command line must not end the process before the worker has said goodbye.
return await WorkerCommand.CreateRoot().Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
