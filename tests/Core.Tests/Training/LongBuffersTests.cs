using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed unsafe class LongBuffersTests
{
    public static TheoryData<int, int> TeamsAndLengths
    {
        get
        {
            var cases = new TheoryData<int, int>();
            foreach (var threads in (ReadOnlySpan<int>)[1, 2, 3, 5])
            {
                foreach (var length in (ReadOnlySpan<int>)[0, 1, 1 << 14, (1 << 14) + 1, 79_510])
                {
                    cases.Add(threads, length);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(TeamsAndLengths))]
    public void AddInPlace_AnyTeam_AddsEachElementOnce(int threads, int length)
    {
        using var team = new ThreadTeam(threads);
        using var left = new AlignedBuffer<float>(length + 1);
        using var right = new AlignedBuffer<float>(length + 1);
        for (var i = 0; i <= length; i++)
        {
            (left.Span[i], right.Span[i]) = (i, 0.5f);
        }

        var buffers = new LongBuffers(VectorKernels.Best, team);
        Assert.True(buffers.AddInPlace(left.Pointer, right.Pointer, length));
        for (var i = 0; i < length; i++)
        {
            Assert.Equal(i + 0.5f, left.Span[i]);
        }

        Assert.Equal(length, left.Span[length]);
        if (length > 0)
        {
            left.Span[length - 1] = float.PositiveInfinity;
            Assert.False(buffers.AddInPlace(left.Pointer, right.Pointer, length));
        }
    }

    [Theory]
    [MemberData(nameof(TeamsAndLengths))]
    public void AllFinite_AnyTeam_FindsWhatIsNotAnywhere(int threads, int length)
    {
        using var team = new ThreadTeam(threads);
        using var values = new AlignedBuffer<float>(length + 1);
        values.Span[length] = float.NaN;
        var buffers = new LongBuffers(VectorKernels.Best, team);
        Assert.True(buffers.AllFinite(values.Pointer, length));
        for (var place = length - 1; place >= 0; place -= 5_003)
        {
            values.Span[place] = float.PositiveInfinity;
            Assert.False(buffers.AllFinite(values.Pointer, length), $"place {place}");
            values.Span[place] = 0;
            Assert.True(buffers.AllFinite(values.Pointer, length));
        }
    }
}
