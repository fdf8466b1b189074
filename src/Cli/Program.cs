using DistTrain.Cli;

return await DistTrainProgram.RunAsync(args).ConfigureAwait(false);
