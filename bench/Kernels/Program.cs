using System.Globalization;
using BenchmarkDotNet.Running;
using DistTrain.Core.Kernels;

namespace DistTrain.Bench.Kernels;

/// <summary>The kernels beside what this machine can do at most; bench/README.md says how to read it.</summary>
internal static class Program
{
    private const string Usage = """
        shares [GROUP…] [--bits N|best] [--rounds N] [--shape MxKxN] [--json]
            each kernel in turn with its limit, the best of N rounds (default 5), at each vector width or that of --bits;
            groups: products, convolutions, memory, ladder (default: the first three); --shape: one dense layer instead
        benchmark [BenchmarkDotNet's options, e.g. --filter '*100x784x100*']
            the same cases by BenchmarkDotNet, with allocations
        peak [--bits N]
            the FMA peak of one core in GFLOP/s
        allocations MODEL BATCH [THREADS]
            bytes that the single-process trainer allocates per step
        """;

    private const int DefaultRounds = 5;

    /// <summary>The widths that this machine has in hardware, widest first.</summary>
    public static IEnumerable<Kernels<float>> Widths() => VectorKernels.All.Where(kernels => kernels.VectorBits <= VectorKernels.Best.VectorBits);

    private static int Main(string[] args)
    {
        try
        {
            switch (args)
            {
                case ["shares", ..]:
                    RunShares(new Queue<string>(args[1..]));
                    return 0;
                case ["benchmark", ..]:
                    BenchmarkSwitcher.FromTypes([typeof(KernelBenchmarks)]).Run(args[1..], KernelBenchmarks.Config());
                    return 0;
                case ["peak"]:
                    WritePeak(VectorKernels.Best.VectorBits);
                    return 0;
                case ["peak", "--bits", var bits]:
                    WritePeak(Number(bits));
                    return 0;
                case ["allocations", var model, var batch]:
                    Allocations.Write(model, Number(batch), threads: 1);
                    return 0;
                case ["allocations", var model, var batch, var threads]:
                    Allocations.Write(model, Number(batch), Number(threads));
                    return 0;
            }
        }
        catch (FormatException exception)
        {
            Console.Error.WriteLine(exception.Message);
            return 2;
        }

        Console.Error.WriteLine(Usage);
        return 2;
    }

    private static void RunShares(Queue<string> arguments)
    {
        var (groups, rounds, isJson) = (new List<IReadOnlyList<KernelCase>>(), DefaultRounds, false);
        int? bits = null;
        while (arguments.TryDequeue(out var argument))
        {
            switch (argument)
            {
                case "--bits":
                    bits = Value() is var width && width == "best" ? VectorKernels.Best.VectorBits : Number(width);
                    break;
                case "--rounds":
                    rounds = Number(Value());
                    break;
                case "--json":
                    isJson = true;
                    break;
                case "--shape":
                    groups.Add(Value().Split('x') is [var m, var k, var n]
                        ? [.. ProductCases.Of(Number(m), Number(k), Number(n))]
                        : throw new FormatException("--shape takes MxKxN."));
                    break;
                default:
                    groups.Add(Catalog.Groups.TryGetValue(argument, out var group) ? group : throw new FormatException($"There is no group {argument}."));
                    break;
            }

            string Value() => arguments.TryDequeue(out var value) ? value : throw new FormatException($"{argument} wants a value.");
        }

        Kernels<float>[] widths = [.. Widths().Where(kernels => bits is null || kernels.VectorBits == bits)];
        if (widths.Length == 0)
        {
            throw new FormatException($"This machine has no vectors of {bits} bits.");
        }

        if (groups.Count == 0)
        {
            groups.AddRange([Catalog.Groups[ProductCases.Group], Catalog.Groups[ConvolutionCases.Group], Catalog.Groups[MemoryCases.Group]]);
        }

        foreach (var group in groups)
        {
            foreach (var kernels in widths)
            {
                if (isJson)
                {
                    Shares.WriteJson(group, kernels, rounds);
                }
                else
                {
                    Shares.WriteTable(group, kernels, rounds);
                }
            }
        }
    }

    private static void WritePeak(int bits)
    {
        using var bench = new Workbench();
        var measure = new FmaLimit().Prepare(bits, bench);
        var peak = Enumerable.Range(0, DefaultRounds).Max(_ => measure());
        Console.WriteLine(peak.ToString("F1", CultureInfo.InvariantCulture));
    }

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw new FormatException($"'{text}' is no number.");
}
