using System.Diagnostics;
using System.Globalization;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;
using DistTrain.Transport.SharedMemory;
using DistTrain.Transport.Wire;
using RoundKind = DistTrain.Transport.Wire.RoundKind;

namespace DistTrain.Bench.Exchange;

/// <summary>
/// One exchange through shared memory, by the product's own memory, doorbells and sums: parameters out to two worker processes, a gradient in from
/// each, summed, and the parameters moved by it. Before each exchange, outside of the time, the workers write their gradients, as a backward pass would;
/// within it they read all parameters. Nothing is computed, so that it can stand beside an MPI_Allreduce of the same bytes.
/// </summary>
internal static unsafe class Program
{
    private const string Usage = "BYTES [ROUNDS]: median milliseconds of an exchange of so many bytes with two workers (default 2000 rounds, at most 3 s)";
    private const string WorkerCommand = "worker";
    private const ulong Incarnation = 1;
    private const int Slots = 3;
    private const int Workers = 2;
    private const int DefaultRounds = 2_000;
    private const int WarmUpRounds = 20;
    private const int MostThreads = 4;
    private const int ElementsPerLine = 16;
    private const RoundKind WriteGradient = RoundKind.Training;
    private const RoundKind ReadParameters = RoundKind.Evaluation;
    private const int LongLength = 1 << 19;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);

    private static int Main(string[] args)
    {
        switch (args)
        {
            case [WorkerCommand, var segment, var region, var id, var count]:
                Work(segment, region, int.Parse(id, CultureInfo.InvariantCulture), int.Parse(count, CultureInfo.InvariantCulture));
                return 0;
            case [var bytes, .. var rest] when rest.Length < 2 && int.TryParse(bytes, CultureInfo.InvariantCulture, out var size) && size >= sizeof(float):
                var rounds = rest.Length == 1 ? int.Parse(rest[0], CultureInfo.InvariantCulture) : DefaultRounds;
                Console.WriteLine(Measure(size / sizeof(float), rounds).ToString("0.0000", CultureInfo.InvariantCulture));
                return 0;
            default:
                Console.Error.WriteLine(Usage);
                return 2;
        }
    }

    private static double Measure(int count, int rounds)
    {
        using var segment = RunSegment.Create(RunSegment.DefaultDirectory, Incarnation, count);
        using var parameters = segment.ParameterBuffer();
        using var team = new ThreadTeam(count < LongLength ? 1 : Math.Min(Environment.ProcessorCount, MostThreads));
        var regions = Enumerable.Range(1, Workers).Select(id => segment.CreateRegion(id, Slots)).ToArray();
        var processes = regions.Select((region, i) => Start(segment, region, i + 1, count)).ToArray();
        try
        {
            var sums = new AlignedBuffer<float>[Workers];
            for (var i = 0; i < Workers; i++)
            {
                sums[i] = regions[i].Gradient(0, Nobody.Instance);
            }

            var times = new List<double>();
            var began = Stopwatch.GetTimestamp();
            for (var round = 1; round <= WarmUpRounds + rounds && (times.Count == 0 || Stopwatch.GetElapsedTime(began) < Longest); round++)
            {
                Call(segment, regions, WriteGradient, round);
                var start = Stopwatch.GetTimestamp();
                Call(segment, regions, ReadParameters, round);
                Sum(sums, parameters, team);
                if (round > WarmUpRounds)
                {
                    times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
            }

            times.Sort();
            return times[times.Count / 2];
        }
        finally
        {
            foreach (var (process, region) in processes.Zip(regions))
            {
                process.Kill();
                process.WaitForExit();
                process.Dispose();
                region.Dispose();
            }
        }
    }

    /// <summary>Tells both workers to do something and waits until both have.</summary>
    private static void Call(RunSegment segment, WorkerRegion[] regions, RoundKind what, int round)
    {
        foreach (var region in regions)
        {
            region.PutLease(new LeaseGranted { LeaseId = (ulong)round, Kind = what });
            region.Bell.Ring();
        }

        var missing = regions.Length;
        while (missing > 0)
        {
            var seen = segment.Bell.Value;
            foreach (var region in regions)
            {
                while (region.TryTake(out _, out var slot))
                {
                    region.GiveBack(slot);
                    missing--;
                }
            }

            if (missing > 0)
            {
                segment.Bell.Await(seen);
            }
        }
    }

    private static void Sum(AlignedBuffer<float>[] gradients, AlignedBuffer<float> parameters, ThreadTeam team) => team.Run(index =>
    {
        var first = ShardPlan.Start(index, team.Count, parameters.Length);
        var count = ShardPlan.Start(index + 1, team.Count, parameters.Length) - first;
        VectorKernels.Best.AddFinite(gradients[0].Pointer + first, gradients[1].Pointer + first, count);
        VectorKernels.Best.AddInPlace(parameters.Pointer + first, gradients[0].Pointer + first, count);
    });

    private static void Work(string segmentPath, string regionPath, int id, int count)
    {
        using var segment = RunSegment.Open(segmentPath, Incarnation, count);
        using var region = WorkerRegion.Open(regionPath, Incarnation, id, count, Slots);
        using var gradient = region.Gradient(0, Nobody.Instance);
        var read = 0f;
        while (!float.IsNaN(read))
        {
            var seen = region.Bell.Value;
            if (region.TakeLease() is not { } lease)
            {
                region.Bell.Await(seen);
                continue;
            }

            if (lease.Kind == WriteGradient)
            {
                gradient.Span.Fill(lease.LeaseId);
            }
            else
            {
                for (var i = 0; i < count; i += ElementsPerLine)
                {
                    read += segment.Parameters[i];
                }
            }

            region.TryPost(new WorkerMessage { Partial = new PartialHeader { LeaseId = lease.LeaseId } }, slot: 0);
            segment.Bell.Ring();
        }
    }

    private static Process Start(RunSegment segment, WorkerRegion region, int id, int count) => Process.Start(
        Environment.ProcessPath!, [WorkerCommand, segment.FullPath, region.FullPath, id.ToString(CultureInfo.InvariantCulture), count.ToString(CultureInfo.InvariantCulture)]);

    private sealed class Nobody : IDisposable
    {
        public static Nobody Instance { get; } = new();

        public void Dispose()
        {
        }
    }
}
