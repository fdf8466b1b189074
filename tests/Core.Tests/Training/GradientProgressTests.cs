using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

/// <summary>What a backward pass tells meanwhile is true: nothing is added any more to what it calls final.</summary>
public sealed class GradientProgressTests
{
    private const int Samples = 24;
    private const int Shards = 6;

    public static TheoryData<string> Models => ["two-layer", "mlp-1024", "simple-convnet", "deep-convnet", "lenet-5", "inception-small", "resnet-20"];

    [Theory]
    [MemberData(nameof(Models))]
    public void Final_EachModel_IsWhatComesOutInTheEnd(string name)
    {
        var model = ModelCatalog.Get(name);
        var images = TestData.Images(seed: 1, Samples, model.Shapes()[0].Size, classes: 10);
        using var pools = new PartialPools(model.ParameterLayout().Length);
        using var computation = new ShardComputation(model, 1, VectorKernels.Best, 1, pools);
        using var parameters = model.InitialParameters(1);
        Use(computation, parameters);
        var seen = new Recorder(model.ParameterLayout().ParameterLength);
        var partials = new List<Partial>();

        computation.ComputeGradients(images, Sampler.Permutation(1, 0, Samples), Sampler.Batch(0, Samples, Samples), Shards, new ShardRange(1, Shards), partials, seen);

        Assert.Equal(0, seen.Firsts[^1]);
        Assert.True(seen.Firsts.Count >= 2);
        Assert.Equal(seen.Firsts.OrderDescending().Distinct(), seen.Firsts);
        Assert.Equal(partials.Select(partial => (partial.Node, partial.SampleCount)), seen.Partials);
        for (var i = 0; i < partials.Count; i++)
        {
            Assert.Equal(partials[i].Gradient.Span[..seen.Final[i].Length].ToArray(), seen.Final[i]);
            partials[i].Dispose();
        }
    }

    [Fact]
    public void ComputeGradients_SeveralThreads_NothingIsToldUnlessOneComputesAll()
    {
        var model = ModelCatalog.Get("multi-layer");
        var images = TestData.Images(seed: 1, Samples, model.Shapes()[0].Size, classes: 10);
        using var pools = new PartialPools(model.ParameterLayout().Length);
        using var computation = new ShardComputation(model, 1, VectorKernels.Best, 2, pools);
        using var parameters = model.InitialParameters(1);
        Use(computation, parameters);
        foreach (var (range, told) in ((ShardRange, bool)[])[(new ShardRange(0, 4), false), (new ShardRange(2, 3), true)])
        {
            var seen = new Recorder(model.ParameterLayout().ParameterLength);
            var partials = new List<Partial>();
            computation.ComputeGradients(images, Sampler.Permutation(1, 0, Samples), Sampler.Batch(0, Samples, Samples), Shards, range, partials, seen);
            Assert.Equal(told, seen.Firsts.Count > 0);
            partials.ForEach(partial => partial.Dispose());
        }
    }

    private static unsafe void Use(ShardComputation computation, ParameterSet parameters) => computation.UseParameters(parameters.Pointer);

    /// <summary>Copies what is told to be final, at the moment it is told.</summary>
    private sealed class Recorder(int parameterLength) : IGradientProgress
    {
        private IReadOnlyList<Partial> _partials = [];
        private int? _end;

        public List<int> Firsts { get; } = [];

        public List<(ShardRange Node, int SampleCount)> Partials { get; } = [];

        public List<float[]> Final { get; } = [];

        public void Begun(IReadOnlyList<Partial> partials)
        {
            _partials = partials;
            foreach (var partial in partials)
            {
                Partials.Add((partial.Node, partial.SampleCount));
                Final.Add(new float[parameterLength]);
            }
        }

        void IGradientProgress.Final(int first)
        {
            for (var i = 0; i < _partials.Count; i++)
            {
                _partials[i].Gradient.Span[first..(_end ?? parameterLength)].CopyTo(Final[i].AsSpan(first));
            }

            _end = first;
            Firsts.Add(first);
        }
    }
}
