using System.Runtime.CompilerServices;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Bench.Kernels;

/// <summary>
/// The matrix product C(M, N) = A(M, K) · B(K, N), one idea after the other, as docs/kernels.md tells it: small teaching loops, then the real
/// kernel. Every step keeps one chain of fused multiply-adds over k ascending per element, and is checked to have the bits of the first.
/// </summary>
internal static unsafe class Ladder
{
    public const string Group = "ladder";

    private const int M = 96;
    private const int K = 1024;
    private const int N = 1024;

    /// <summary>Rows of the teaching tile; M is a multiple.</summary>
    private const int TileRows = 4;

    private delegate void Loop(float* a, int aStride, float* b, float* c);

    public static IEnumerable<KernelCase> All()
    {
        return
        [
            Step("1 plain loop (ReferenceKernels)", (_, bench) => Real(new ReferenceKernels<float>(), bench, check: false)),
            Step("2 a vector of columns at a time", (kernels, bench) => Teaching(kernels, bench, isPacked: false, new Dispatch(
                OneVector<Lanes512>, OneVector<Lanes256>, OneVector<Lanes128>))),
            Step("3 a tile of 4 rows x 2 vectors in registers", (kernels, bench) => Teaching(kernels, bench, isPacked: false, new Dispatch(
                (a, s, b, c) => Tiles<Lanes512>(a, s, b, c, isPacked: false), (a, s, b, c) => Tiles<Lanes256>(a, s, b, c, isPacked: false),
                (a, s, b, c) => Tiles<Lanes128>(a, s, b, c, isPacked: false)))),
            Step("4 B packed in panels", (kernels, bench) => Teaching(kernels, bench, isPacked: true, new Dispatch(
                (a, s, b, c) => Tiles<Lanes512>(a, s, b, c, isPacked: true), (a, s, b, c) => Tiles<Lanes256>(a, s, b, c, isPacked: true),
                (a, s, b, c) => Tiles<Lanes128>(a, s, b, c, isPacked: true)))),
            Step("5 the real kernel: larger tiles, blocks, edges", (kernels, bench) => Real(kernels, bench, check: true)),
        ];
    }

    private readonly record struct Dispatch(Loop At512, Loop At256, Loop At128)
    {
        public Loop Of(int bits) => bits switch { 512 => At512, 256 => At256, _ => At128 };
    }

    private static KernelCase Step(string name, Func<Kernels<float>, Workbench, Action> prepare) =>
        new(Group, name, $"{M}x{K}x{N}", new FmaLimit(), 2d * M * K * N, prepare);

    private static Action Real(Kernels<float> kernels, Workbench bench, bool check)
    {
        var (a, b, c) = (bench.Rows(M, K), bench.Filled(K * N), bench.Rows(M, N));
        var operand = bench.Own(kernels.CreateOperand(K, N));
        kernels.Pack(b.Pointer, N, operand);
        return Checked(() => kernels.Product(a, operand, null, c), a, b, c, check);
    }

    private static Action Teaching(Kernels<float> kernels, Workbench bench, bool isPacked, Dispatch loops)
    {
        var (a, b, c) = (bench.Rows(M, K), bench.Filled(K * N), bench.Rows(M, N));
        var operand = isPacked ? Packed(b.Pointer, 2 * kernels.VectorBits / 32, bench) : b;
        var loop = loops.Of(kernels.VectorBits);
        return Checked(() => loop(a.Data, a.Stride, operand.Pointer, c.Data), a, b, c, check: true);
    }

    /// <summary>Runs it once beside the plain loop, over the first rows, and refuses other bits.</summary>
    private static Action Checked(Action run, Matrix<float> a, AlignedBuffer<float> b, Matrix<float> c, bool check)
    {
        const int CheckedRows = TileRows;
        if (!check)
        {
            return run;
        }

        run();
        for (var m = 0; m < CheckedRows; m++)
        {
            for (var n = 0; n < N; n++)
            {
                var sum = 0f;
                for (var k = 0; k < K; k++)
                {
                    sum = MathF.FusedMultiplyAdd(a.Row(m)[k], b.Span[(k * N) + n], sum);
                }

                if (BitConverter.SingleToInt32Bits(sum) != BitConverter.SingleToInt32Bits(c.Row(m)[n]))
                {
                    throw new InvalidOperationException($"A step of the ladder gives {c.Row(m)[n]:R} at ({m}, {n}), the plain loop {sum:R}.");
                }
            }
        }

        return run;
    }

    /// <summary>Step 2: one chain per lane, one vector of chains in flight; each waits for the one before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneVector<TLanes>(float* a, int aStride, float* b, float* c)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var cStride = RowLayout.StrideFor(N);
        for (var m = 0; m < M; m++)
        {
            for (var n = 0; n < N; n += TLanes.Count)
            {
                var sum = TLanes.Zero;
                for (var k = 0; k < K; k++)
                {
                    sum = TLanes.MultiplyAdd(TLanes.Create(a[(m * aStride) + k]), TLanes.Load(b + (k * N) + n), sum);
                }

                TLanes.Store(sum, c + (m * cStride) + n);
            }
        }
    }

    /// <summary>Steps 3 and 4: eight chains of vectors in flight, and each vector of B serves four rows.</summary>
    private static void Tiles<TLanes>(float* a, int aStride, float* b, float* c, bool isPacked)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var cStride = RowLayout.StrideFor(N);
        var columns = 2 * TLanes.Count;
        for (var n = 0; n < N; n += columns)
        {
            var from = b + (isPacked ? n * K : n);
            var step = isPacked ? columns : N;
            for (var m = 0; m < M; m += TileRows)
            {
                Tile<TLanes>(a + (m * aStride), aStride, from, step, c + (m * cStride) + n, cStride);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TLanes>(float* a, int aStride, float* b, int bStep, float* c, int cStride)
        where TLanes : unmanaged, ILanes<TLanes, float>
    {
        var (a1, a2, a3) = ((nint)aStride, 2 * (nint)aStride, 3 * (nint)aStride);
        TLanes c00 = TLanes.Zero, c01 = TLanes.Zero, c10 = TLanes.Zero, c11 = TLanes.Zero;
        TLanes c20 = TLanes.Zero, c21 = TLanes.Zero, c30 = TLanes.Zero, c31 = TLanes.Zero;
        for (var end = a + K; a != end; a++, b += bStep)
        {
            var (b0, b1) = (TLanes.Load(b), TLanes.Load(b + TLanes.Count));
            var x = TLanes.Create(*a);
            c00 = TLanes.MultiplyAdd(x, b0, c00);
            c01 = TLanes.MultiplyAdd(x, b1, c01);
            x = TLanes.Create(a[a1]);
            c10 = TLanes.MultiplyAdd(x, b0, c10);
            c11 = TLanes.MultiplyAdd(x, b1, c11);
            x = TLanes.Create(a[a2]);
            c20 = TLanes.MultiplyAdd(x, b0, c20);
            c21 = TLanes.MultiplyAdd(x, b1, c21);
            x = TLanes.Create(a[a3]);
            c30 = TLanes.MultiplyAdd(x, b0, c30);
            c31 = TLanes.MultiplyAdd(x, b1, c31);
        }

        TLanes.Store(c00, c);
        TLanes.Store(c01, c + TLanes.Count);
        TLanes.Store(c10, c + cStride);
        TLanes.Store(c11, c + cStride + TLanes.Count);
        TLanes.Store(c20, c + (2 * cStride));
        TLanes.Store(c21, c + (2 * cStride) + TLanes.Count);
        TLanes.Store(c30, c + (3 * cStride));
        TLanes.Store(c31, c + (3 * cStride) + TLanes.Count);
    }

    /// <summary>Panel after panel of so many columns, each (K, columns) without gaps.</summary>
    private static AlignedBuffer<float> Packed(float* b, int columns, Workbench bench)
    {
        var packed = bench.Own(new AlignedBuffer<float>(K * N));
        var to = packed.Pointer;
        for (var n = 0; n < N; n += columns)
        {
            for (var k = 0; k < K; k++, to += columns)
            {
                new ReadOnlySpan<float>(b + (k * N) + n, columns).CopyTo(new Span<float>(to, columns));
            }
        }

        return packed;
    }
}
