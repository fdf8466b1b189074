using CsCheck;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Kernels;

/// <summary>Every implementation against the reference: bit for bit, at awkward sizes, in guarded memory.</summary>
public sealed unsafe class KernelTests
{
    private static readonly ReferenceKernels<float> Reference = new();

    public static TheoryData<int> VectorBits => [.. VectorKernels.All.Select(kernels => kernels.VectorBits)];

    [Fact]
    public void All_Widths_AreThreeDifferentOnesAndTheBestIsAmongThem()
    {
        Assert.Equal([512, 256, 128], VectorKernels.All.Select(kernels => kernels.VectorBits));
        Assert.Contains(VectorKernels.Best, VectorKernels.All);
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Product_OddSizes_HasTheReferencesBits(int vectorBits)
    {
        int[] rows = [0, 1, 2, 3, 5, 6, 7, 13];
        int[] columns = [1, 7, 10, 16, 17, 33, 49, 64, 65, 100, 112, 113, 177];
        // Beyond 1,024 a product may be cut into blocks of k.
        int[] depths = [0, 1, 7, 10, 16, 17, 100, 113, 300, 1024, 1025, 2049];
        var seed = 0;
        foreach (var n in columns)
        {
            foreach (var k in depths)
            {
                var m = rows[seed % rows.Length];
                CheckProduct(Of(vectorBits), m, n, k, withBias: seed % 3 != 0, transposed: seed % 2 == 0, ++seed, Floats.Random);
            }
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Product_AnySizesAndValues_HasTheReferencesBits(int vectorBits) =>
        Gen.Select(Gen.Int[0, 30], Gen.Int[1, 250], Gen.Int[0, 60], Gen.Bool, Gen.Bool, Gen.Bool, Gen.Int).Sample(
            (m, n, k, withBias, transposed, wild, seed) =>
                CheckProduct(Of(vectorBits), m, n, k, withBias, transposed, seed, wild ? Floats.Wild : Floats.Random),
            iter: 300);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Product_OfMatrices_HasTheReferencesBits(int vectorBits) =>
        Gen.Select(Gen.Int[0, 30], Gen.Int[1, 250], Gen.Int[1, 60], Gen.Int).Sample(
            (m, n, k, seed) =>
            {
                using var left = GuardedBuffer.OfRows(Floats.Random(seed, m * k), m, k, out var a);
                // As a layer's weight lies: rows without gaps, anywhere.
                using var right = GuardedBuffer.Of(Floats.Wild(seed + 1, k * n), offset: Math.Abs(seed % 16));
                var b = new Matrix<float>(right.Pointer, k, n, n);
                using var expected = GuardedBuffer.OfRows([], m, n, out var c);
                using var actual = GuardedBuffer.OfRows([], m, n, out var d);
                Reference.Product(a, b, c);
                Of(vectorBits).Product(a, b, d);
                actual.AssertUntouchedOutside();
                Floats.AssertSameBits(c, d, $"({m}, {k}) · ({k}, {n})");
            },
            iter: 300);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void FoldedProduct_AnyShardsRangesAndSizes_HasTheReferencesBits(int vectorBits) =>
        Plans.Select(Gen.Int[1, 15], Gen.Int[1, 180], Gen.Int).Sample(
            (plan, m, n, seed) =>
            {
                using var a = GuardedBuffer.OfRows(Floats.Random(seed, plan.RowCount * m), plan.RowCount, m, out var left);
                using var b = GuardedBuffer.OfRows(Floats.Random(seed + 1, plan.RowCount * n), plan.RowCount, n, out var right);
                CheckFolded(Of(vectorBits), plan, m * n, (kernels, buffers, offset) => kernels.FoldedProduct(left, right, plan, buffers, offset));
            },
            iter: 300);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void FoldedProduct_LargeEnoughToBeCutAndGathered_HasTheReferencesBits(int vectorBits)
    {
        // Two nodes, the second of which does not begin at the first row; more columns of A than a block of it has.
        (FoldPlan Plan, int M, int N)[] cases =
        [
            (new FoldPlan(9, new ShardRange(0, 9), 300), 260, 37),
            (new FoldPlan(3, new ShardRange(0, 3), 1100), 257, 18),
            (new FoldPlan(8, new ShardRange(1, 8), 700), 270, 20),
        ];
        foreach (var (plan, m, n) in cases)
        {
            using var a = GuardedBuffer.OfRows(Floats.Random(1, plan.RowCount * m), plan.RowCount, m, out var left);
            using var b = GuardedBuffer.OfRows(Floats.Random(2, plan.RowCount * n), plan.RowCount, n, out var right);
            CheckFolded(Of(vectorBits), plan, m * n, (kernels, buffers, offset) => kernels.FoldedProduct(left, right, plan, buffers, offset));
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void FoldedColumnSums_AnyShardsRangesAndSizes_HasTheReferencesBits(int vectorBits) =>
        Plans.Select(Gen.Int[1, 130], Gen.Int).Sample(
            (plan, n, seed) =>
            {
                using var a = GuardedBuffer.OfRows(Floats.Random(seed, plan.RowCount * n), plan.RowCount, n, out var matrix);
                CheckFolded(Of(vectorBits), plan, n, (kernels, buffers, offset) => kernels.FoldedColumnSums(matrix, plan, buffers, offset));
            },
            iter: 300);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Map_AllLengthsAndAlignments_HasTheReferencesBits(int vectorBits)
    {
        var kernels = Of(vectorBits);
        for (var length = 0; length <= 257; length++)
        {
            CheckUnary<ReluForward>(kernels, length);
            CheckUnary<SigmoidForward>(kernels, length);
            CheckUnary<TanhForward>(kernels, length);
            CheckBinary<ReluBackward>(kernels, length);
            CheckBinary<SigmoidBackward>(kernels, length);
            CheckBinary<TanhBackward>(kernels, length);
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Update_AllOptimizersAndLengths_HasTheReferencesBits(int vectorBits)
    {
        var kernels = Of(vectorBits);
        for (var length = 0; length <= 257; length++)
        {
            CheckUpdate(kernels, new SgdUpdate<float>(-0.1f, 1f / 97), slots: 0, length);
            CheckUpdate(kernels, new MomentumUpdate<float>(-0.1f, 1f / 97, 0.9f), slots: 1, length);
            CheckUpdate(kernels, new NesterovUpdate<float>(-0.1f, 1f / 97, 0.9f), slots: 1, length);
            CheckUpdate(kernels, new AdaGradUpdate<float>(-0.1f, 1f / 97, 1e-10f), slots: 1, length);
            CheckUpdate(kernels, new RmsPropUpdate<float>(-0.1f, 1f / 97, 0.99f, 0.01f, 1e-8f), slots: 1, length);
            var moments = new AdamMoments<float>(1f / 97, 0.1f, 0.999f, 0.001f);
            var adam = new AdamUpdate<float>(moments, -0.1f, 0.3f, 1e-8f);
            CheckUpdate(kernels, adam, slots: 2, length);
            CheckUpdate(kernels, new AdamWUpdate<float>(adam, 0.99f), slots: 2, length);
            CheckUpdate(kernels, moments, slots: 2, length);
            CheckUpdate(kernels, new LambDirection<float>(0.1f, 0.3f, 1e-6f, 0.01f), slots: 2, length);
            CheckUpdate(kernels, new DecayedGradient<float>(0.3f, 0.01f, 0.02f), slots: 0, length);
            CheckUpdate(kernels, new Scale<float>(1f / 97), slots: 0, length);
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void SoftmaxCrossEntropy_ClassesAndWildScores_HasTheReferencesBits(int vectorBits)
    {
        foreach (var classes in new[] { 1, 2, 10, 15, 16, 17, 32, 33, 100 })
        {
            for (var seed = 0; seed < 20; seed++)
            {
                CheckSoftmax(Of(vectorBits), rows: seed % 5, classes, seed, toGradient: seed % 2 == 0, Floats.Random);
                CheckSoftmax(Of(vectorBits), rows: 5, classes, seed, toGradient: seed % 2 == 1, Floats.Wild);
                CheckSoftmax(Of(vectorBits), rows: 5, classes, seed, toGradient: true, (_, count) => [.. Enumerable.Repeat(1e30f, count)]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void BytesToUnit_AllBytesAndLengths_IsTheQuotient(int vectorBits)
    {
        var bytes = new byte[300];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(i * 7);
        }

        for (var length = 0; length <= bytes.Length; length++)
        {
            using var output = new GuardedBuffer(length, offset: length % 3);
            fixed (byte* input = bytes)
            {
                Of(vectorBits).BytesToUnit(input, output.Pointer, length);
            }

            output.AssertUntouchedOutside();
            Floats.AssertSameBits(bytes.Take(length).Select(value => value / 255f).ToArray(), output.Values, "unit");
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void AddInPlace_AllLengths_HasTheReferencesBits(int vectorBits)
    {
        for (var length = 0; length <= 257; length++)
        {
            using var expected = GuardedBuffer.Of(Floats.Wild(length, length));
            using var actual = GuardedBuffer.Of(expected.Values, offset: length % 5);
            using var right = GuardedBuffer.Of(Floats.Random(-length - 1, length), offset: length % 3);
            Reference.AddInPlace(expected.Pointer, right.Pointer, length);
            using var checkedSum = GuardedBuffer.Of(actual.Values, offset: length % 5);
            Of(vectorBits).AddInPlace(actual.Pointer, right.Pointer, length);
            actual.AssertUntouchedOutside();
            Floats.AssertSameBits(expected.Values, actual.Values, $"length {length}");
            Assert.Equal(Reference.AllFinite(expected.Pointer, length), Of(vectorBits).AddFinite(checkedSum.Pointer, right.Pointer, length));
            checkedSum.AssertUntouchedOutside();
            Floats.AssertSameBits(expected.Values, checkedSum.Values, $"length {length}");
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void AddFinite_OneSumTooLargeAnywhere_IsFound(int vectorBits)
    {
        for (var length = 1; length <= 70; length++)
        {
            using var right = GuardedBuffer.Of([.. Enumerable.Repeat(1e38f, length)], offset: length % 3);
            for (var place = 0; place < length; place++)
            {
                using var left = GuardedBuffer.Of(new float[length]);
                Assert.True(Of(vectorBits).AddFinite(left.Pointer, right.Pointer, length));
                left.Values[place] = float.MaxValue;
                Assert.False(Of(vectorBits).AddFinite(left.Pointer, right.Pointer, length));
            }
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void AllFinite_OneOddValueAnywhere_IsFound(int vectorBits)
    {
        foreach (var kernels in new[] { Of(vectorBits), Reference })
        {
            for (var length = 0; length <= 70; length++)
            {
                using var values = GuardedBuffer.Of([.. Enumerable.Repeat(float.MaxValue, length)], offset: length % 3);
                Assert.True(kernels.AllFinite(values.Pointer, length));
                for (var place = 0; place < length; place++)
                {
                    foreach (var odd in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
                    {
                        values.Values[place] = odd;
                        Assert.False(kernels.AllFinite(values.Pointer, length));
                    }

                    values.Values[place] = -float.MaxValue;
                }
            }
        }
    }

    /// <summary>Any plan: shards, a range of them, samples; often fewer samples than shards, so that some are empty.</summary>
    private static Gen<FoldPlan> Plans { get; } =
        from shardCount in Gen.OneOf(Gen.Int[1, 9], Gen.Int[1, 70])
        from start in Gen.Int[0, shardCount - 1]
        from end in Gen.OneOf(Gen.Const(shardCount), Gen.Int[start + 1, shardCount])
        from first in Gen.OneOf(Gen.Const(0), Gen.Const(start))
        from samples in Gen.OneOf(Gen.Int[0, 20], Gen.Int[0, 200])
        select new FoldPlan(shardCount, new ShardRange(first, end), samples);

    private static Kernels<float> Of(int vectorBits) => VectorKernels.All.Single(kernels => kernels.VectorBits == vectorBits);

    private static void CheckProduct(
        Kernels<float> kernels,
        int m,
        int n,
        int k,
        bool withBias,
        bool transposed,
        int seed,
        Func<int, int, float[]> values)
    {
        using var left = GuardedBuffer.OfRows(values(seed, m * k), m, Math.Max(k, 1), out var a);
        using var weight = GuardedBuffer.Of(values(seed + 1, k * n), offset: Math.Abs(seed % 4));
        using var bias = GuardedBuffer.Of(values(seed + 2, n), offset: Math.Abs(seed % 3));
        using var expected = GuardedBuffer.OfRows([], m, n, out var c);
        using var actual = GuardedBuffer.OfRows([], m, n, out var d);
        Run(Reference, c);
        Run(kernels, d);
        actual.AssertUntouchedOutside();
        Floats.AssertSameBits(c, d, $"({m}, {k}) · ({k}, {n})");

        void Run(Kernels<float> any, Matrix<float> result)
        {
            using var operand = any.CreateOperand(k, n);
            if (transposed)
            {
                any.PackTransposed(weight.Pointer, k, operand);
            }
            else
            {
                any.Pack(weight.Pointer, n, operand);
            }

            any.Product(a, operand, withBias ? bias.Pointer : null, result, rectify: seed % 2 == 0);
        }
    }

    private delegate void FoldedKernel(Kernels<float> kernels, float** nodeBuffers, int offset);

    private static void CheckFolded(Kernels<float> kernels, FoldPlan plan, int length, FoldedKernel run)
    {
        const int Offset = 3;
        var expected = plan.Nodes.Select(_ => new GuardedBuffer(length)).ToArray();
        var actual = plan.Nodes.Select(_ => new GuardedBuffer(length)).ToArray();
        Run(Reference, expected);
        Run(kernels, actual);
        for (var i = 0; i < actual.Length; i++)
        {
            actual[i].AssertUntouchedOutside();
            Floats.AssertSameBits(expected[i].Values, actual[i].Values, $"S = {plan.ShardCount}, {plan.SampleCount} samples, {plan.Range}, node {i}");
            expected[i].Dispose();
            actual[i].Dispose();
        }

        void Run(Kernels<float> any, GuardedBuffer[] buffers)
        {
            var pointers = stackalloc float*[buffers.Length];
            for (var i = 0; i < buffers.Length; i++)
            {
                pointers[i] = buffers[i].Pointer - Offset;
            }

            run(any, pointers, Offset);
        }
    }

    private static void CheckUnary<TOperator>(Kernels<float> kernels, int length)
        where TOperator : struct, IUnaryOperator
    {
        using var input = GuardedBuffer.Of(Floats.Wild(length, length), offset: length % 3);
        using var expected = new GuardedBuffer(length);
        using var actual = new GuardedBuffer(length, offset: length % 5);
        Reference.Map(default(TOperator), input.Pointer, expected.Pointer, length);
        kernels.Map(default(TOperator), input.Pointer, actual.Pointer, length);
        kernels.Map(default(TOperator), input.Pointer, input.Pointer, length);
        actual.AssertUntouchedOutside();
        input.AssertUntouchedOutside();
        Floats.AssertSameBits(expected.Values, actual.Values, $"{typeof(TOperator).Name}, length {length}");
        Floats.AssertSameBits(expected.Values, input.Values, $"{typeof(TOperator).Name}, length {length}, in place");
    }

    private static void CheckBinary<TOperator>(Kernels<float> kernels, int length)
        where TOperator : struct, IBinaryOperator
    {
        using var x = GuardedBuffer.Of(Floats.Wild(length, length), offset: length % 3);
        using var y = GuardedBuffer.Of(Floats.Wild(-length - 1, length), offset: length % 2);
        using var expected = new GuardedBuffer(length);
        using var actual = new GuardedBuffer(length, offset: length % 5);
        Reference.Map(default(TOperator), x.Pointer, y.Pointer, expected.Pointer, length);
        kernels.Map(default(TOperator), x.Pointer, y.Pointer, actual.Pointer, length);
        kernels.Map(default(TOperator), x.Pointer, y.Pointer, x.Pointer, length);
        actual.AssertUntouchedOutside();
        x.AssertUntouchedOutside();
        Floats.AssertSameBits(expected.Values, actual.Values, $"{typeof(TOperator).Name}, length {length}");
        Floats.AssertSameBits(expected.Values, x.Values, $"{typeof(TOperator).Name}, length {length}, in place");
    }

    private static void CheckUpdate<TOperator>(Kernels<float> kernels, TOperator update, int slots, int length)
        where TOperator : struct, IUpdateOperator<float>
    {
        using var gradient = GuardedBuffer.Of(Floats.Random(length, length), offset: length % 3);
        var expected = State();
        var actual = State();
        Run(Reference, expected);
        Run(kernels, actual);
        for (var i = 0; i < actual.Length; i++)
        {
            actual[i].AssertUntouchedOutside();
            Floats.AssertSameBits(expected[i].Values, actual[i].Values, $"{typeof(TOperator).Name}, length {length}, state {i}");
            expected[i].Dispose();
            actual[i].Dispose();
        }

        // Parameters, then slots; second moments are not negative.
        GuardedBuffer[] State() =>
        [
            .. Enumerable.Range(0, 1 + slots).Select(i =>
                GuardedBuffer.Of([.. Floats.Random(length + i, length).Select(value => i == 0 ? value : MathF.Abs(value))], offset: i)),
        ];

        void Run(Kernels<float> any, GuardedBuffer[] state) => any.Update(
            update,
            state[0].Pointer,
            gradient.Pointer,
            slots > 0 ? state[1].Pointer : null,
            slots > 1 ? state[2].Pointer : null,
            length);
    }

    private static void CheckSoftmax(Kernels<float> kernels, int rows, int classes, int seed, bool toGradient, Func<int, int, float[]> values)
    {
        var scores = values(seed, rows * classes);
        var labels = new byte[rows];
        for (var row = 0; row < rows; row++)
        {
            labels[row] = (byte)((seed + (row * 7)) % classes);
        }

        using var expected = GuardedBuffer.OfRows(scores, rows, classes, out var expectedRows);
        using var actual = GuardedBuffer.OfRows(scores, rows, classes, out var actualRows);
        using var expectedLosses = new GuardedBuffer(rows);
        using var actualLosses = new GuardedBuffer(rows);
        Reference.SoftmaxCrossEntropy(expectedRows, labels, expectedLosses.Pointer, toGradient);
        kernels.SoftmaxCrossEntropy(actualRows, labels, actualLosses.Pointer, toGradient);
        actual.AssertUntouchedOutside();
        actualLosses.AssertUntouchedOutside();
        Floats.AssertSameBits(expectedRows, actualRows, $"{classes} classes, seed {seed}");
        Floats.AssertSameBits(expectedLosses.Values, actualLosses.Values, $"{classes} classes, seed {seed}, losses");
    }
}
