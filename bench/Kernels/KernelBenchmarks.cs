using System.Collections.Concurrent;
using System.Globalization;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using DistTrain.Core.Kernels;

namespace DistTrain.Bench.Kernels;

/// <summary>The careful way: BenchmarkDotNet with its statistics and the allocations of a call, over the same cases.</summary>
public class KernelBenchmarks
{
    private const int LongestCase = 80;

    /// <summary>The limits measured before and after each benchmark; the columns read them, in this same process.</summary>
    private static readonly ConcurrentDictionary<(KernelCase Case, int Bits), double> LimitRates = new();

    private Action _run = null!;
    private Func<double> _limit = null!;
    private Action _freeOperands = null!;

    /// <summary>What is measured.</summary>
    [ParamsSource(nameof(Cases))]
    public object Case { get; set; } = null!;

    /// <summary>The width of the vectors.</summary>
    [ParamsSource(nameof(Widths))]
    public int Bits { get; set; }

    /// <summary>Every case.</summary>
    public static IEnumerable<object> Cases => Catalog.Groups.Values.SelectMany(cases => cases);

    /// <summary>Every width that this machine has.</summary>
    public static IEnumerable<int> Widths => Program.Widths().Select(kernels => kernels.VectorBits);

    /// <summary>Makes the operands, measures the limit.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var kernelCase = (KernelCase)Case;
        var kernels = Program.Widths().Single(kernels => kernels.VectorBits == Bits);
        var bench = new Workbench();
        _freeOperands = bench.Dispose;
        _run = kernelCase.Prepare(kernels, bench);
        _limit = kernelCase.Limit.Prepare(Bits, bench);
        MeasureLimit();
    }

    /// <summary>The kernel.</summary>
    [Benchmark]
    public void Run() => _run();

    /// <summary>Measures the limit again, frees the operands.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        MeasureLimit();
        _freeOperands();
    }

    /// <summary>How all of it runs, and what its table says.</summary>
    internal static IConfig Config() => DefaultConfig.Instance
        .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
        .AddDiagnoser(MemoryDiagnoser.Default)
        .AddColumn(new RateColumn(), new ShareColumn())
        .HideColumns(Column.Method, Column.Error)
        .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(LongestCase))
        .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "disttrain-benchmarks"));

    private void MeasureLimit()
    {
        const int Rounds = 5;
        for (var round = 0; round < Rounds; round++)
        {
            var rate = _limit();
            LimitRates.AddOrUpdate(((KernelCase)Case, Bits), rate, (_, best) => Math.Max(best, rate));
        }
    }

    private abstract class CaseColumn : IColumn
    {
        public abstract string ColumnName { get; }

        public abstract string Legend { get; }

        public string Id => ColumnName;

        public bool AlwaysShow => true;

        public ColumnCategory Category => ColumnCategory.Custom;

        public int PriorityInCategory => 0;

        public bool IsNumeric => true;

        public UnitType UnitType => UnitType.Dimensionless;

        public bool IsAvailable(Summary summary) => true;

        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
        {
            var kernelCase = (KernelCase)benchmarkCase.Parameters[nameof(Case)];
            var bits = (int)benchmarkCase.Parameters[nameof(Bits)];
            // Nanoseconds, so that work ÷ mean is in units of 10⁹ a second.
            return summary[benchmarkCase]?.ResultStatistics is { } statistics && LimitRates.TryGetValue((kernelCase, bits), out var limit)
                ? Format(kernelCase, kernelCase.Work / statistics.Mean, limit)
                : "–";
        }

        protected abstract string Format(KernelCase kernelCase, double rate, double limit);
    }

    private sealed class RateColumn : CaseColumn
    {
        public override string ColumnName => "Rate";

        public override string Legend => "Wanted multiply-adds, or bytes, a second: of the mean";

        protected override string Format(KernelCase kernelCase, double rate, double limit) =>
            string.Create(CultureInfo.InvariantCulture, $"{rate:F1} {kernelCase.Limit.Unit}");
    }

    private sealed class ShareColumn : CaseColumn
    {
        public override string ColumnName => "Share";

        public override string Legend => "Of what the core can do at most, measured before and after";

        protected override string Format(KernelCase kernelCase, double rate, double limit) =>
            string.Create(CultureInfo.InvariantCulture, $"{rate / limit:P0}");
    }
}
