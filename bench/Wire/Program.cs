using DistTrain.Bench.Wire;

return args is ["--worker", var port, var bytes]
    ? await WireWorker.RunAsync(int.Parse(port), int.Parse(bytes))
    : await WireBench.RunAsync(args);
