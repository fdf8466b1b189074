using CsCheck;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Kernels;

/// <summary>Convolutions of every width against the reference's: bit for bit, at awkward shapes, in guarded memory.</summary>
public sealed unsafe class ConvolutionKernelTests
{
    private static readonly ReferenceKernels<float> Reference = new();

    public static TheoryData<int> VectorBits => [.. VectorKernels.All.Select(kernels => kernels.VectorBits)];

    /// <summary>What the catalogue's networks and the tiles' edges need: (windows, filters, rows).</summary>
    private static readonly (ImageWindows Windows, int Filters, int Rows)[] Shapes =
    [
        (new(1, 28, 28, 5, 5, 1, 0), 30, 2),
        (new(3, 14, 14, 3, 3, 1, 1), 17, 3),
        (new(5, 14, 14, 3, 3, 1, 2), 8, 2),
        (new(16, 7, 7, 3, 3, 1, 1), 64, 5),
        (new(7, 8, 8, 3, 3, 2, 1), 33, 3),
        (new(2, 9, 11, 1, 1, 2, 0), 3, 4),
        (new(2, 5, 4, 1, 1, 1, 2), 9, 2),
        (new(2, 5, 7, 2, 1, 3, 2), 2, 3),
        // The kernel as large as its image: an affine layer. One output pixel, more samples than a block holds.
        (new(3, 4, 4, 4, 4, 1, 0), 10, 40),
        (new(2, 3, 3, 5, 5, 1, 1), 5, 33),
        // More taps than a panel holds: the chain goes on from one block to the next.
        (new(70, 4, 4, 4, 4, 1, 0), 9, 20),
        (new(130, 3, 3, 3, 3, 1, 1), 9, 2),
        // Strides wider than the kernel: elements that no window sees.
        (new(2, 10, 13, 2, 2, 3, 0), 4, 2),
        (new(3, 23, 19, 11, 11, 4, 2), 6, 1),
        (new(1, 40, 3, 3, 3, 1, 1), 1, 1),
        (new(1, 1, 1, 1, 1, 1, 0), 1, 1),
        (new(2, 6, 6, 3, 3, 1, 1), 4, 0),
    ];

    private static Gen<(ImageWindows Windows, int Filters)> AnyShape { get; } =
        from channels in Gen.Int[1, 6]
        from height in Gen.Int[1, 12]
        from width in Gen.Int[1, 36]
        from padding in Gen.Int[0, 2]
        from kernelHeight in Gen.Int[1, Math.Min(5, height + (2 * padding))]
        from kernelWidth in Gen.Int[1, Math.Min(5, width + (2 * padding))]
        from stride in Gen.Int[1, 3]
        from filters in Gen.Int[1, 40]
        select (new ImageWindows(channels, height, width, kernelHeight, kernelWidth, stride, padding), filters);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Convolution_Shapes_HasTheReferencesBits(int vectorBits)
    {
        foreach (var (windows, filters, rows) in Shapes)
        {
            CheckForward(Of(vectorBits), windows, filters, rows, withBias: true, rows, Floats.Random);
            CheckForward(Of(vectorBits), windows, filters, rows, withBias: false, rows, Floats.Wild);
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Convolution_AnyShape_HasTheReferencesBits(int vectorBits) => AnyShape.Select(Gen.Int[0, 3], Gen.Bool, Gen.Int).Sample(
        (shape, rows, withBias, seed) => CheckForward(Of(vectorBits), shape.Windows, shape.Filters, rows, withBias, seed, Floats.Random),
        iter: 150);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void ConvolutionInputGradient_Shapes_HasTheReferencesBits(int vectorBits)
    {
        foreach (var (windows, filters, rows) in Shapes)
        {
            CheckInputGradient(Of(vectorBits), windows, filters, rows, rows, Floats.Random);
            CheckInputGradient(Of(vectorBits), windows, filters, rows, rows, Floats.Wild);
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void ConvolutionInputGradient_AnyShape_HasTheReferencesBits(int vectorBits) => AnyShape.Select(Gen.Int[0, 3], Gen.Int).Sample(
        (shape, rows, seed) => CheckInputGradient(Of(vectorBits), shape.Windows, shape.Filters, rows, seed, Floats.Random),
        iter: 150);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void ConvolutionWeightGradient_Shapes_HasTheReferencesBits(int vectorBits)
    {
        foreach (var (windows, filters, rows) in Shapes)
        {
            CheckWeightGradient(Of(vectorBits), windows, filters, new FoldPlan(1, new ShardRange(0, 1), rows), rows, Floats.Random);
            CheckWeightGradient(Of(vectorBits), windows, filters, new FoldPlan(3, new ShardRange(0, 3), rows), rows, Floats.Wild);
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void ConvolutionWeightGradient_AnyShapeShardsAndRange_HasTheReferencesBits(int vectorBits) =>
        AnyShape.Select(Gen.Int[1, 9], Gen.Int[0, 8], Gen.Int[0, 9], Gen.Int).Sample(
            (shape, shards, start, samples, seed) =>
            {
                var plan = new FoldPlan(shards, new ShardRange(start % shards, shards), samples);
                CheckWeightGradient(Of(vectorBits), shape.Windows, shape.Filters, plan, seed, Floats.Random);
            },
            iter: 150);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Convolution_OneWorkspaceManySamples_EachAloneGivesTheSameBits(int vectorBits)
    {
        // What one sample leaves in the scratch memory must not reach the next.
        var windows = new ImageWindows(4, 9, 9, 3, 3, 2, 1);
        var kernels = Of(vectorBits);
        using var weight = GuardedBuffer.Of(Floats.Random(1, 6 * 36));
        using var input = GuardedBuffer.OfRows(Floats.Wild(2, 7 * 324), 7, 324, out var x);
        using var together = GuardedBuffer.OfRows([], 7, 6 * windows.OutputPixels, out var y);
        using var workspace = kernels.CreateConvolution(windows, 6);
        kernels.Convolution(x, weight.Pointer, null, workspace, y);
        for (var row = 0; row < 7; row++)
        {
            using var alone = GuardedBuffer.OfRows([], 1, 6 * windows.OutputPixels, out var z);
            using var fresh = kernels.CreateConvolution(windows, 6);
            kernels.Convolution(new Matrix<float>(x.Data + (row * x.Stride), 1, x.Columns, x.Stride), weight.Pointer, null, fresh, z);
            Floats.AssertSameBits(y.Row(row), z.Row(0), $"row {row}");
        }
    }

    private static Kernels<float> Of(int vectorBits) => VectorKernels.All.Single(kernels => kernels.VectorBits == vectorBits);

    private static void CheckForward(
        Kernels<float> kernels, ImageWindows w, int filters, int rows, bool withBias, int seed, Func<int, int, float[]> values)
    {
        var inputs = w.Channels * w.InputPixels;
        using var input = GuardedBuffer.OfRows(values(seed, rows * inputs), rows, inputs, out var x);
        using var weight = GuardedBuffer.Of(values(seed + 1, filters * w.Channels * w.WindowSize), offset: Math.Abs(seed % 4));
        using var bias = GuardedBuffer.Of(values(seed + 2, filters), offset: Math.Abs(seed % 3));
        Check(kernels, w, filters, rows, filters * w.OutputPixels, (any, workspace, result) =>
            any.Convolution(x, weight.Pointer, withBias ? bias.Pointer : null, workspace, result, rectify: withBias));
    }

    private static void CheckInputGradient(
        Kernels<float> kernels, ImageWindows w, int filters, int rows, int seed, Func<int, int, float[]> values)
    {
        var outputs = filters * w.OutputPixels;
        using var gradient = GuardedBuffer.OfRows(values(seed, rows * outputs), rows, outputs, out var dy);
        using var weight = GuardedBuffer.Of(values(seed + 1, filters * w.Channels * w.WindowSize), offset: Math.Abs(seed % 4));
        var inputs = w.Channels * w.InputPixels;
        using var before = GuardedBuffer.OfRows(values(seed + 2, rows * inputs), rows, inputs, out var rectified);
        Check(kernels, w, filters, rows, inputs, (any, workspace, result) => any.ConvolutionInputGradient(dy, weight.Pointer, workspace, result));
        Check(kernels, w, filters, rows, inputs, (any, workspace, result) =>
            any.ConvolutionInputGradient(dy, weight.Pointer, workspace, result, rectified));
    }

    private static void CheckWeightGradient(
        Kernels<float> kernels, ImageWindows w, int filters, FoldPlan plan, int seed, Func<int, int, float[]> values)
    {
        const int Offset = 3;
        var (inputs, outputs) = (w.Channels * w.InputPixels, filters * w.OutputPixels);
        using var input = GuardedBuffer.OfRows(values(seed, plan.RowCount * inputs), plan.RowCount, inputs, out var x);
        using var gradient = GuardedBuffer.OfRows(values(seed + 1, plan.RowCount * outputs), plan.RowCount, outputs, out var dy);
        var expected = Run(Reference, Math.Max(1, plan.RowCount));
        foreach (var rowsAtOnce in new[] { Math.Max(1, plan.RowCount), 1, 3 })
        {
            var actual = Run(kernels, rowsAtOnce);
            for (var i = 0; i < actual.Length; i++)
            {
                actual[i].AssertUntouchedOutside();
                Floats.AssertSameBits(
                    expected[i].Values, actual[i].Values, $"{w}, {filters} filters, S = {plan.ShardCount}, {plan.Range}, node {i}, {rowsAtOnce} rows at once");
                actual[i].Dispose();
            }
        }

        Array.ForEach(expected, buffer => buffer.Dispose());

        GuardedBuffer[] Run(Kernels<float> any, int rowsAtOnce)
        {
            var buffers = plan.Nodes.Select(_ => new GuardedBuffer(filters * w.Channels * w.WindowSize)).ToArray();
            var pointers = stackalloc float*[buffers.Length];
            for (var i = 0; i < buffers.Length; i++)
            {
                pointers[i] = buffers[i].Pointer - Offset;
            }

            using var workspace = any.CreateConvolution(w, filters);
            for (var first = 0; first == 0 || first < plan.RowCount; first += rowsAtOnce)
            {
                var count = Math.Min(rowsAtOnce, plan.RowCount - first);
                any.ConvolutionWeightGradient(dy.Slice(first, count), x.Slice(first, count), workspace, plan, pointers, Offset, first);
            }

            return buffers;
        }
    }

    private static void Check(
        Kernels<float> kernels, ImageWindows w, int filters, int rows, int columns, Action<Kernels<float>, ConvolutionWorkspace<float>, Matrix<float>> run)
    {
        using var expected = GuardedBuffer.OfRows([], rows, columns, out var expectedRows);
        using var actual = GuardedBuffer.OfRows([], rows, columns, out var actualRows);
        using (var workspace = Reference.CreateConvolution(w, filters))
        {
            run(Reference, workspace, expectedRows);
        }

        using (var workspace = kernels.CreateConvolution(w, filters))
        {
            run(kernels, workspace, actualRows);
        }

        actual.AssertUntouchedOutside();
        Floats.AssertSameBits(expectedRows, actualRows, $"{w}, {filters} filters");
    }
}
