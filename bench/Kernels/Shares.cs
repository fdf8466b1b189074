using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using DistTrain.Core.Kernels;

namespace DistTrain.Bench.Kernels;

/// <summary>A kernel's best rate beside the limit's, both of the same seconds.</summary>
internal readonly record struct Share(KernelCase Case, int Bits, double Rate, double LimitRate)
{
    public double OfLimit => Rate / LimitRate;
}

/// <summary>
/// The quick way: limit and kernel in turn, some milliseconds each, the best of a few rounds of either. On a shared machine the clock and the
/// neighbours change from second to second; in turn they change for both.
/// </summary>
internal static class Shares
{
    private const double SecondsPerRound = 0.01;

    public static Share Measure(KernelCase kernelCase, Kernels<float> kernels, int rounds)
    {
        using var bench = new Workbench();
        var run = kernelCase.Prepare(kernels, bench);
        var limit = kernelCase.Limit.Prepare(kernels.VectorBits, bench);
        var repeat = 1;
        // The first call is slower than all others; one too short to time comes with many more.
        for (Seconds(run, 1); Seconds(run, repeat) is var seconds && seconds < SecondsPerRound / 2; repeat = Enough(repeat, seconds))
        {
        }

        var (best, bestLimit) = (0d, limit());
        // Two cores and their neighbours share the memory: it takes more rounds to find it free.
        rounds *= kernelCase.Limit is StreamLimit ? 3 : 1;
        for (var round = 0; round < rounds; round++)
        {
            bestLimit = Math.Max(bestLimit, Math.Max(limit(), limit()));
            best = Math.Max(best, kernelCase.Work * repeat / Seconds(run, repeat) / 1e9);
        }

        return new Share(kernelCase, kernels.VectorBits, best, Math.Max(bestLimit, limit()));

        static int Enough(int repeat, double seconds) => (int)Math.Max(repeat + 1, Math.Min(SecondsPerRound / seconds, 10) * repeat);
    }

    /// <summary>A Markdown table: a row per kernel, a column per variant.</summary>
    public static void WriteTable(IReadOnlyList<KernelCase> cases, Kernels<float> kernels, int rounds)
    {
        string[] variants = [.. cases.Select(c => c.Variant).Distinct()];
        var unit = cases[0].Limit.Unit;
        var shares = new List<Share>();
        Line($"{cases[0].Group}, {kernels.VectorBits} bits, one core: {unit}, and its share of what this core can do at most");
        Line($"");
        Line($"| | {string.Join(" | ", variants)} |");
        Line($"| --- |{string.Concat(variants.Select(_ => " ---: |"))}");
        foreach (var kernel in cases.GroupBy(c => c.Kernel))
        {
            var cells = variants.Select(variant =>
            {
                if (kernel.FirstOrDefault(c => c.Variant == variant) is not { } found)
                {
                    return "";
                }

                var share = Measure(found, kernels, rounds);
                shares.Add(share);
                return string.Create(CultureInfo.InvariantCulture, $"{share.Rate:F1} ({share.OfLimit:P0})");
            });
            Line($"| {kernel.Key} | {string.Join(" | ", cells)} |");
        }

        Line($"");
        foreach (var limit in shares.GroupBy(share => share.Case.Limit))
        {
            Line($"{Describe(limit.Key)}: {limit.Max(share => share.LimitRate):F1} {unit}");
        }

        Line($"");
    }

    /// <summary>One JSON object per case.</summary>
    public static void WriteJson(IReadOnlyList<KernelCase> cases, Kernels<float> kernels, int rounds)
    {
        foreach (var kernelCase in cases)
        {
            var share = Measure(kernelCase, kernels, rounds);
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                group = kernelCase.Group,
                kernel = kernelCase.Kernel,
                variant = kernelCase.Variant,
                bits = share.Bits,
                rate = share.Rate,
                limit = share.LimitRate,
                unit = kernelCase.Limit.Unit,
                share = share.OfLimit,
            }));
        }
    }

    private static string Describe(Limit limit) => limit switch
    {
        StreamLimit stream => $"limit, {stream.FootprintBytes / 1024} KiB, {stream.Mix switch
        {
            StreamMix.Read => "read",
            StreamMix.Copy => "copied",
            StreamMix.ReadAndChangeOne => "one array read, one changed",
            StreamMix.ReadAndChangeTwo => "one array read, two changed",
            _ => "one array read, three changed",
        }}",
        _ => "limit, fused multiply-adds in registers",
    };

    private static double Seconds(Action run, int repeat)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < repeat; i++)
        {
            run();
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
