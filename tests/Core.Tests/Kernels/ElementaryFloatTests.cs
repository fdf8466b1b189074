using DistTrain.Core.Kernels;

namespace DistTrain.Core.Tests.Kernels;

public sealed class ElementaryFloatTests
{
    private const float MaxValue = float.MaxValue;
    private const float MinDenormal = float.Epsilon;
    private const float Infinity = float.PositiveInfinity;

    /// <summary>x, and exactly what the function gives for it. (A table: to the theory's machinery 0 and −0 are one case.)</summary>
    private static readonly (ElementaryFunction Function, float X, float Expected)[] SpecialValues =
    [
        (ElementaryFunction.Exp, 0f, 1f),
        (ElementaryFunction.Exp, -0f, 1f),
        (ElementaryFunction.Exp, MinDenormal, 1f),
        (ElementaryFunction.Exp, 1f, 2.7182817f),
        (ElementaryFunction.Exp, 88.72283f, 3.4027985e38f),
        (ElementaryFunction.Exp, 88.72284f, Infinity),
        (ElementaryFunction.Exp, MaxValue, Infinity),
        (ElementaryFunction.Exp, Infinity, Infinity),
        (ElementaryFunction.Exp, -87.33655f, 1.1754907e-38f), // the result is denormal
        (ElementaryFunction.Exp, -103.97207f, MinDenormal),
        (ElementaryFunction.Exp, -103.97209f, 0f),
        (ElementaryFunction.Exp, -MaxValue, 0f),
        (ElementaryFunction.Exp, -Infinity, 0f),
        (ElementaryFunction.Exp, float.NaN, float.NaN),
        (ElementaryFunction.Log, 1f, 0f),
        (ElementaryFunction.Log, 0f, -Infinity),
        (ElementaryFunction.Log, -0f, -Infinity),
        (ElementaryFunction.Log, -MinDenormal, float.NaN),
        (ElementaryFunction.Log, -1f, float.NaN),
        (ElementaryFunction.Log, -Infinity, float.NaN),
        (ElementaryFunction.Log, MinDenormal, -103.27893f),
        (ElementaryFunction.Log, MaxValue, 88.72284f),
        (ElementaryFunction.Log, Infinity, Infinity),
        (ElementaryFunction.Log, float.NaN, float.NaN),
        (ElementaryFunction.Tanh, 0f, 0f),
        (ElementaryFunction.Tanh, -0f, -0f),
        (ElementaryFunction.Tanh, MinDenormal, MinDenormal),
        (ElementaryFunction.Tanh, -MinDenormal, -MinDenormal),
        (ElementaryFunction.Tanh, 1e-5f, 1e-5f),
        (ElementaryFunction.Tanh, 1f, 0.7615942f),
        (ElementaryFunction.Tanh, -1f, -0.7615942f),
        (ElementaryFunction.Tanh, 20f, 1f),
        (ElementaryFunction.Tanh, -MaxValue, -1f),
        (ElementaryFunction.Tanh, Infinity, 1f),
        (ElementaryFunction.Tanh, -Infinity, -1f),
        (ElementaryFunction.Tanh, float.NaN, float.NaN),
        (ElementaryFunction.Sin, 0f, 0f),
        (ElementaryFunction.Sin, -0f, -0f),
        (ElementaryFunction.Sin, -MinDenormal, -MinDenormal),
        (ElementaryFunction.Sin, 3.1415927f, -8.742278e-8f),
        (ElementaryFunction.Sin, MaxValue, -0.5218765f),
        (ElementaryFunction.Sin, Infinity, float.NaN),
        (ElementaryFunction.Sin, float.NaN, float.NaN),
        (ElementaryFunction.Cos, 0f, 1f),
        (ElementaryFunction.Cos, -0f, 1f),
        (ElementaryFunction.Cos, MinDenormal, 1f),
        (ElementaryFunction.Cos, 3.1415927f, -1f),
        (ElementaryFunction.Cos, MaxValue, 0.853021f),
        (ElementaryFunction.Cos, -Infinity, float.NaN),
        (ElementaryFunction.Cos, float.NaN, float.NaN),
    ];

    public static TheoryData<ElementaryFunction> Functions => [.. Enum.GetValues<ElementaryFunction>()];

    [Theory]
    [MemberData(nameof(Functions))]
    public void Evaluate_SpecialValue_IsExactlyThis(ElementaryFunction function)
    {
        foreach (var (_, x, expected) in SpecialValues.Where(row => row.Function == function))
            AssertAtEveryWidth(function, x, expected);
    }

    /// <summary>
    /// The results nearest to a halfway point between two floats, as the exhaustive test found them (some 2⁻²⁸ of a step and less): a double
    /// rounded to nearest and rounded again is likeliest to fail here.
    /// </summary>
    [Theory]
    [InlineData(ElementaryFunction.Exp, 0xC16912CDu, 0x34FD331Bu)]
    [InlineData(ElementaryFunction.Exp, 0xBBF0EDF1u, 0x3F7E1FE9u)]
    [InlineData(ElementaryFunction.Exp, 0xC2B2E798u, 0x000F6DCEu)]
    [InlineData(ElementaryFunction.Exp, 0x377EFF81u, 0x3F800080u)]
    [InlineData(ElementaryFunction.Exp, 0xBAE0E25Cu, 0x3F7F8FA7u)]
    [InlineData(ElementaryFunction.Exp, 0xB3000000u, 0x3F800000u)]
    [InlineData(ElementaryFunction.Exp, 0x39C6BE5Bu, 0x3F800C6Du)]
    [InlineData(ElementaryFunction.Exp, 0x38E69CC1u, 0x3F80039Au)]
    [InlineData(ElementaryFunction.Log, 0x65D890D3u, 0x4254D1F9u)]
    [InlineData(ElementaryFunction.Log, 0x4C5D65A5u, 0x418F034Bu)]
    [InlineData(ElementaryFunction.Log, 0x4D604EBEu, 0x419A352Cu)]
    [InlineData(ElementaryFunction.Log, 0x41178FEBu, 0x400FE5E7u)]
    [InlineData(ElementaryFunction.Log, 0x1F116AB8u, 0xC233B53Eu)]
    [InlineData(ElementaryFunction.Log, 0x66A8C860u, 0x42595E46u)]
    [InlineData(ElementaryFunction.Log, 0x3C413D3Au, 0xC08E158Fu)]
    [InlineData(ElementaryFunction.Log, 0x6F31A8ECu, 0x42845A89u)]
    [InlineData(ElementaryFunction.Tanh, 0xBAC37DE2u, 0xBAC37DD9u)]
    [InlineData(ElementaryFunction.Tanh, 0x3AC37DE2u, 0x3AC37DD9u)]
    [InlineData(ElementaryFunction.Tanh, 0xBEEE0566u, 0xBEDE3CBEu)]
    [InlineData(ElementaryFunction.Tanh, 0x3EEE0566u, 0x3EDE3CBEu)]
    [InlineData(ElementaryFunction.Tanh, 0xBCD41B91u, 0xBCD40F70u)]
    [InlineData(ElementaryFunction.Tanh, 0x3CD41B91u, 0x3CD40F70u)]
    [InlineData(ElementaryFunction.Tanh, 0xC0ACB4D0u, 0xBF7FFD50u)]
    [InlineData(ElementaryFunction.Tanh, 0x40ACB4D0u, 0x3F7FFD50u)]
    [InlineData(ElementaryFunction.Sin, 0xF3243F06u, 0xBE943A84u)]
    [InlineData(ElementaryFunction.Sin, 0x73243F06u, 0x3E943A84u)]
    [InlineData(ElementaryFunction.Sin, 0xC6199998u, 0x3EB1FA5Du)]
    [InlineData(ElementaryFunction.Sin, 0x46199998u, 0xBEB1FA5Du)]
    [InlineData(ElementaryFunction.Sin, 0xD5CAFB2Au, 0x3F7E7A17u)]
    [InlineData(ElementaryFunction.Sin, 0x55CAFB2Au, 0xBF7E7A17u)]
    [InlineData(ElementaryFunction.Sin, 0xE7A9242Bu, 0x3F7FAB81u)]
    [InlineData(ElementaryFunction.Sin, 0x67A9242Bu, 0xBF7FAB81u)]
    [InlineData(ElementaryFunction.Cos, 0xE115CB11u, 0x3F78142Fu)]
    [InlineData(ElementaryFunction.Cos, 0x6115CB11u, 0x3F78142Fu)]
    [InlineData(ElementaryFunction.Cos, 0xD9443C0Au, 0x3F425F62u)]
    [InlineData(ElementaryFunction.Cos, 0x59443C0Au, 0x3F425F62u)]
    [InlineData(ElementaryFunction.Cos, 0xDF18B878u, 0x3F7F14BBu)]
    [InlineData(ElementaryFunction.Cos, 0x5F18B878u, 0x3F7F14BBu)]
    [InlineData(ElementaryFunction.Cos, 0xFA4B1A27u, 0x3F7C54DAu)]
    [InlineData(ElementaryFunction.Cos, 0x7A4B1A27u, 0x3F7C54DAu)]
    public void Evaluate_ResultNearHalfway_RoundsToTheRightSide(ElementaryFunction function, uint bits, uint expectedBits)
    {
        var x = BitConverter.UInt32BitsToSingle(bits);
        var expected = BitConverter.UInt32BitsToSingle(expectedBits);
        Assert.Equal(expected, function.Precise(x).RoundToSingle().Value);
        AssertAtEveryWidth(function, x, expected);
    }

    /// <summary>A stride through all bit patterns (4099 is prime: every exponent and every low bit occurs), correctly rounded at every width.</summary>
    [Theory]
    [MemberData(nameof(Functions))]
    public void Evaluate_Every4099thFloat_IsCorrectlyRoundedAtEveryWidth(ElementaryFunction function)
    {
        const int Stride = 4099;
        var x = new float[(1L << 32) / Stride / 16 * 16];
        for (var i = 0; i < x.Length; i++)
            x[i] = BitConverter.UInt32BitsToSingle((uint)i * Stride);
        AssertCorrectlyRounded(function, x);
    }

    /// <summary>What stands in one lane does not reach another: values of every kind side by side, each in each lane.</summary>
    [Theory]
    [MemberData(nameof(Functions))]
    public void Evaluate_KindsMixedInOneVector_DoNotDisturbEachOther(ElementaryFunction function)
    {
        float[] kinds =
        [
            float.NaN, 1f, Infinity, -Infinity, 0f, -0f, MinDenormal, -MinDenormal, MaxValue, -MaxValue, 1.1754942e-38f, 88.72284f, -103.97209f,
            0.99999994f, -1e-4f, 12345.678f,
        ];
        var x = new float[16 * 16];
        for (var i = 0; i < x.Length; i++)
            x[i] = kinds[(i + i / 16) % 16];
        AssertCorrectlyRounded(function, x);
    }

    /// <summary>The shortcut of <see cref="ElementaryFunctions.Expected"/> is sound on this platform.</summary>
    [Theory]
    [MemberData(nameof(Functions))]
    public void Estimate_RandomFloats_AreWithinTheirBound(ElementaryFunction function)
    {
        var random = new Random(1);
        var samples = Environment.GetEnvironmentVariable("DISTTRAIN_SLOW_TESTS") == "1" ? 500_000 : 2_000;
        for (var i = 0; i < samples; i++)
        {
            var x = (i & 1) == 0 ? (float)((random.NextDouble() - 0.5) * 200) : BitConverter.Int32BitsToSingle(random.Next());
            if (function == ElementaryFunction.Log)
                x = (i & 2) == 0 ? 1 + x / 1000 : Math.Abs(x);
            var estimate = function.Estimate(x);
            // Outside: no finite result, or below the denormal doubles' precision.
            if (!float.IsFinite(x) || !double.IsNormal(estimate))
                continue;
            var error = function.Precise(x).RelativeErrorOf(estimate);
            Assert.True(error <= ElementaryFunctions.EstimateBound / 8, $"{function}({x:R}): the platform's error is {error}");
        }
    }

    private static void AssertAtEveryWidth(ElementaryFunction function, float x, float expected)
    {
        var input = Enumerable.Repeat(x, 16).ToArray();
        var actual = new float[input.Length];
        foreach (var width in function.Widths())
        {
            function.Evaluate(width, input, actual);
            foreach (var value in actual)
                AssertSameBits(expected, value, $"{function}({x:R}) at width {width}");
        }
    }

    private static void AssertCorrectlyRounded(ElementaryFunction function, float[] x)
    {
        var expected = Array.ConvertAll(x, value => function.Expected(value, out _));
        var actual = new float[x.Length];
        foreach (var width in function.Widths())
        {
            function.Evaluate(width, x, actual);
            for (var i = 0; i < x.Length; i++)
                AssertSameBits(expected[i], actual[i], $"{function}({x[i]:R}) at width {width}");
        }
    }

    private static void AssertSameBits(float expected, float actual, string what)
    {
        if (!ElementaryFunctions.SameBits(expected, actual))
            Assert.Fail($"{what}: expected {expected:R} but got {actual:R}");
    }
}
