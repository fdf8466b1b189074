using DistTrain.Core.Kernels;

namespace DistTrain.Transport.Tests;

public sealed class KnownAnswerTests
{
    /// <summary>Everything this processor can compute with gives one answer: else a mixed cluster would refuse itself.</summary>
    [Fact]
    public void Compute_AnyKernelsAndThreads_IsOneAnswer()
    {
        var expected = KnownAnswer.Compute(new ReferenceKernels<float>());

        Assert.Equal(Checksum.SizeBytes, expected.Length);
        Assert.Equal(expected, KnownAnswer.Compute(VectorKernels.Best));
        Assert.Equal(expected, KnownAnswer.Compute(VectorKernels.Best, threads: 3));
    }
}
