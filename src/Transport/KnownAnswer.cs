using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Training;

namespace DistTrain.Transport;

/// <summary>
/// A small training computation whose bits every worker must get right before it may join (1.1). It goes the way of all gradients, through
/// <see cref="ShardComputation"/>, with sizes that are no multiple of any vector, so that each kernel's body and tail take part; what a wrong
/// build, a wrong vector path or a broken processor gets wrong shows here rather than in the run.
/// </summary>
public static class KnownAnswer
{
    private const int Side = 7;
    private const int Classes = 10;
    private const int Samples = 61;
    private const int Shards = 5;
    private const ulong Seed = 0x2545F4914F6CDD1D;

    /// <summary>XxHash128 over, of two networks, the partials of shards [0, 4) and [4, 5) of the first step and of [0, 1) of an evaluation.</summary>
    /// <param name="kernels">What to compute with.</param>
    /// <param name="threads">At least 1; no bit depends on it.</param>
    public static byte[] Compute(Kernels<float> kernels, int threads = 1)
    {
        var hash = new XxHash128();
        foreach (var model in (ReadOnlySpan<ModelSpec>)[Dense, Convolutional])
        {
            Append(hash, model, kernels, threads);
        }

        return hash.GetCurrentHash();
    }

    private static ModelSpec Dense => new(
        "known-answer",
        [Side * Side],
        [new AffineSpec(37, InitializerKind.Xavier), new SigmoidSpec(), new AffineSpec(21), new ReluSpec(), new AffineSpec(Classes)]);

    /// <summary>Every kernel that a network of images uses, and the random numbers of a step.</summary>
    private static ModelSpec Convolutional => new(
        "known-answer of images",
        [1, Side, Side],
        [
            new ConvolutionSpec(5, 3, Padding: 1), new BatchNormalizationSpec(), new LeakyReluSpec(),
            new ResidualSpec([new ConvolutionSpec(6, 3, Stride: 2, Padding: 1), new GeluSpec()], [new ConvolutionSpec(6, 1, Stride: 2)]),
            new LocalResponseNormalizationSpec(3), new ParallelSpec([[new MaxPoolingSpec(2)], [new AveragePoolingSpec(2)]]),
            new DropoutSpec(0.2f), new AffineSpec(19), new BatchNormalizationSpec(), new TanhSpec(), new AffineSpec(Classes), new SoftmaxSpec(),
        ]);

    private static unsafe void Append(XxHash128 hash, ModelSpec model, Kernels<float> kernels, int threads)
    {
        using var parameters = model.InitialParameters(Seed);
        using var pools = new PartialPools(parameters.Layout.Length);
        using var computation = new ShardComputation(model, Seed, kernels, threads, pools);
        computation.UseParameters(parameters.Pointer);

        var images = Images();
        var order = Sampler.Permutation(Seed, epoch: 0, Samples);
        var partials = new List<Partial>();
        computation.ComputeGradients(images, order, Sampler.Batch(0, Samples, Samples), Shards, new ShardRange(0, Shards - 1), partials);
        computation.ComputeGradients(images, order, Sampler.Batch(0, Samples, Samples), Shards, new ShardRange(Shards - 1, Shards), partials);
        computation.Evaluate(images, 1, new ShardRange(0, 1), partials);

        Span<byte> sums = stackalloc byte[2 * sizeof(long)];
        foreach (var partial in partials)
        {
            hash.Append(MemoryMarshal.AsBytes(partial.Gradient.Span));
            BinaryPrimitives.WriteDoubleLittleEndian(sums, partial.LossSum);
            BinaryPrimitives.WriteInt64LittleEndian(sums[sizeof(long)..], partial.CorrectCount);
            hash.Append(sums);
            partial.Dispose();
        }
    }

    private static LabeledImages Images()
    {
        var random = new RandomStream(Seed, RandomPurpose.Permutation, layer: 1);
        var pixels = new byte[Samples * Side * Side];
        for (var i = 0; i < pixels.Length; i++)
        {
            // About half of the pixels are background, as in images of digits.
            var word = random.Block((uint)i).Word0;
            pixels[i] = (word & 1) == 0 ? (byte)0 : (byte)(word >> 24);
        }

        var labels = new byte[Samples];
        for (var i = 0; i < labels.Length; i++)
        {
            labels[i] = (byte)(i * 7 % Classes);
        }

        return new LabeledImages(pixels, labels, Side, Side, 1, Classes);
    }
}
