using System.Diagnostics;
using System.Globalization;
using System.Net;
using DistTrain.Coordinator;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistTrain.Bench.Wire;

/// <summary>
/// What a tensor costs between processes: this one as the coordinator and others as workers, over TCP on the loopback address, through the product's own
/// server, client, queues and readers. Each exchange sends the parameters to every worker, who answers with a gradient as soon as it has them; nothing is
/// computed, and the next exchange begins when all have answered.
/// </summary>
internal static class WireBench
{
    private static readonly TimeSpan Warmup = TimeSpan.FromSeconds(1);

    /// <summary>Runs.</summary>
    /// <param name="args">[--workers N] [--seconds S] [--bytes N]…</param>
    public static async Task<int> RunAsync(string[] args)
    {
        var (workers, seconds, sizes) = (2, 4d, new List<int>());
        for (var i = 0; i + 1 < args.Length; i += 2)
        {
            switch (args[i])
            {
                case "--workers":
                    workers = int.Parse(args[i + 1], CultureInfo.InvariantCulture);
                    break;
                case "--seconds":
                    seconds = double.Parse(args[i + 1], CultureInfo.InvariantCulture);
                    break;
                case "--bytes":
                    sizes.Add(int.Parse(args[i + 1], CultureInfo.InvariantCulture));
                    break;
                default:
                    await Console.Error.WriteLineAsync($"Unknown option {args[i]}; there are --workers N, --seconds S and --bytes N.");
                    return 2;
            }
        }

        // The gradients of multi-layer 784-100-10 and of mlp-1024.
        foreach (var bytes in sizes.Count > 0 ? sizes : [318_040, 7_446_568])
        {
            await MeasureAsync(workers, bytes, TimeSpan.FromSeconds(seconds));
        }

        return 0;
    }

    private static async Task MeasureAsync(int workers, int bytes, TimeSpan duration)
    {
        using var exchange = new Exchange(workers, bytes);
        var service = new WireService(exchange);
        await using var server = TensorServer.Build(
            new CoordinatorOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0) }, NullLoggerFactory.Instance, security: null, app => app.MapGrpcService<WireService>(), service);
        await server.StartAsync();
        var port = new Uri(server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
        var processes = Enumerable.Range(0, workers).Select(_ => Start(port, bytes)).ToList();
        await exchange.AllAttached;
        await exchange.RunAsync(Warmup);
        var before = await exchange.UsageAsync();
        var (count, took) = await exchange.RunAsync(duration);
        var after = await exchange.UsageAsync();
        exchange.End();
        foreach (var process in processes)
        {
            await process.WaitForExitAsync();
            process.Dispose();
        }

        var payload = 2d * workers * bytes * count;
        var (own, others) = (after.Own - before.Own, after.Workers - before.Workers);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{bytes,9} bytes, {workers} workers: {payload / took.TotalSeconds / 1e9:0.000} GB/s of payload, {took.TotalMicroseconds / count:0} us an exchange; "
            + $"processor time per byte: coordinator {own.Processor.TotalNanoseconds / payload:0.000} ns, workers {others.Processor.TotalNanoseconds / payload:0.000} ns; "
            + $"allocated per exchange: coordinator {own.AllocatedBytes / (double)count:0} bytes, a worker {others.AllocatedBytes / (double)count / workers:0}"));
    }

    private static Process Start(int port, int bytes)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(WireBench).Assembly.Location);
        }

        foreach (var argument in (string[])["--worker", port.ToString(CultureInfo.InvariantCulture), bytes.ToString(CultureInfo.InvariantCulture)])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }
}
