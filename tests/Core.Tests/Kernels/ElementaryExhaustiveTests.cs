using System.Collections.Concurrent;
using System.Diagnostics;

namespace DistTrain.Core.Tests.Kernels;

/// <summary>
/// The proof of correct rounding: all 2³² floats, at every width. Minutes; run with DISTTRAIN_SLOW_TESTS=1.
/// </summary>
[Trait("Category", "Slow")]
public sealed class ElementaryExhaustiveTests(ITestOutputHelper output)
{
    private const int ChunkBits = 16;

    [Theory]
    [InlineData(ElementaryFunction.Exp)]
    [InlineData(ElementaryFunction.Log)]
    [InlineData(ElementaryFunction.Tanh)]
    [InlineData(ElementaryFunction.Sin)]
    [InlineData(ElementaryFunction.Cos)]
    public void Evaluate_EveryFloat_IsCorrectlyRoundedAtEveryWidth(ElementaryFunction function)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("DISTTRAIN_SLOW_TESTS") == "1", "Takes minutes: set DISTTRAIN_SLOW_TESTS=1");
        var started = Stopwatch.GetTimestamp();
        var failures = new ConcurrentBag<string>();
        var hardest = new ConcurrentBag<(double Margin, float X, float Value)>();
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism = Environment.ProcessorCount,
            CancellationToken = TestContext.Current.CancellationToken,
        };
        Parallel.For(0, 1 << (32 - ChunkBits), options, chunk => CheckChunk(function, (uint)chunk << ChunkBits, failures, hardest));

        output.WriteLine($"{function}: {Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s, {hardest.Count} decided by 512-bit arithmetic");
        foreach (var (margin, x, value) in hardest.OrderBy(entry => entry.Margin).Take(10))
            output.WriteLine($"0x{BitConverter.SingleToUInt32Bits(x):X8} 0x{BitConverter.SingleToUInt32Bits(value):X8} margin 2^{Math.Log2(margin):F1}");
        Assert.True(failures.IsEmpty, string.Join('\n', failures.Take(20)));
    }

    private static void CheckChunk(
        ElementaryFunction function, uint first, ConcurrentBag<string> failures, ConcurrentBag<(double Margin, float X, float Value)> hardest)
    {
        var x = new float[1 << ChunkBits];
        var expected = new float[x.Length];
        var actual = new float[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            x[i] = BitConverter.UInt32BitsToSingle(first + (uint)i);
            expected[i] = function.Expected(x[i], out var margin);
            if (margin < 1)
                hardest.Add((margin, x[i], expected[i]));
        }

        foreach (var width in function.Widths())
        {
            function.Evaluate(width, x, actual);
            for (var i = 0; i < x.Length; i++)
            {
                if (!ElementaryFunctions.SameBits(expected[i], actual[i]))
                    failures.Add($"{function}({x[i]:R}) at width {width}: expected {expected[i]:R} but got {actual[i]:R}");
            }
        }
    }
}
