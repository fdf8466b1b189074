using DistTrain.Core.Kernels;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

/// <summary>A forward pass that begins before all parameters are there gives the same bits, and reads none that is not.</summary>
public sealed class ParameterArrivalTests
{
    private const int Samples = 24;
    private const int Shards = 6;

    public static TheoryData<string, int> Models => new() { { "mlp-1024", 1 }, { "mlp-1024", 2 }, { "deep-convnet", 1 }, { "inception-small", 1 }, { "resnet-20", 2 } };

    [Theory]
    [MemberData(nameof(Models))]
    public void ComputeGradients_ParametersComeLayerByLayer_GivesTheSameBits(string name, int threads)
    {
        var model = ModelCatalog.Get(name);
        using var parameters = model.InitialParameters(1);
        using var pools = new PartialPools(parameters.Layout.Length);
        using var computation = new ShardComputation(model, 1, VectorKernels.Best, threads, pools);
        var expected = Compute(computation, parameters, arrival: null);

        // Whatever is read before it has come is NaN, and so would be the result.
        using var coming = new ParameterSet(parameters.Layout);
        coming.Values.Fill(float.NaN);
        var arrival = new LayerByLayer(parameters, coming);
        var result = Compute(computation, coming, arrival);

        Assert.Equal(expected, result);
        Assert.True(arrival.Steps > 2);
    }

    [Fact]
    public void Evaluate_ParametersComeLayerByLayer_WaitsForAll()
    {
        var model = ModelCatalog.Get("two-layer");
        using var parameters = model.InitialParameters(1);
        using var pools = new PartialPools(parameters.Layout.Length);
        using var computation = new ShardComputation(model, 1, VectorKernels.Best, 1, pools);
        using var coming = new ParameterSet(parameters.Layout);
        coming.Values.Fill(float.NaN);
        Use(computation, coming, new LayerByLayer(parameters, coming));
        var partials = new List<Partial>();
        computation.Evaluate(TestData.Images(seed: 1, Samples, model.Shapes()[0].Size, classes: 10), 1, new ShardRange(0, 1), partials);

        Assert.True(double.IsFinite(Assert.Single(partials).LossSum));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void ComputeGradients_ParametersAreLost_ThrowsAndKeepsNothing(int threads)
    {
        var model = ModelCatalog.Get("two-layer");
        using var parameters = model.InitialParameters(1);
        using var pools = new PartialPools(parameters.Layout.Length);
        using var computation = new ShardComputation(model, 1, VectorKernels.Best, threads, pools);
        var expected = Compute(computation, parameters, arrival: null);
        var created = pools.Training.Created;

        for (var i = 0; i < 3; i++)
        {
            Assert.Throws<ParametersLostException>(() => Compute(computation, parameters, new Lost()));
        }

        Assert.Equal(expected, Compute(computation, parameters, arrival: null));
        Assert.Equal(created, pools.Training.Created);
    }

    /// <summary>All gradients, one after the other.</summary>
    private static float[] Compute(ShardComputation computation, ParameterSet parameters, IParameterArrival? arrival)
    {
        Use(computation, parameters, arrival);
        var images = TestData.Images(seed: 1, Samples, 784, classes: 10);
        var partials = new List<Partial>();
        computation.ComputeGradients(images, Sampler.Permutation(1, 0, Samples), Sampler.Batch(0, Samples, Samples), Shards, new ShardRange(0, Shards), partials);
        var gradients = partials.SelectMany(partial => partial.Gradient.Span.ToArray()).ToArray();
        partials.ForEach(computation.Pools.Training.Return);
        return gradients;
    }

    private static unsafe void Use(ShardComputation computation, ParameterSet parameters, IParameterArrival? arrival) =>
        computation.UseParameters(parameters.Pointer, arrival);

    /// <summary>Brings exactly what is asked for.</summary>
    private sealed class LayerByLayer(ParameterSet from, ParameterSet to) : IParameterArrival
    {
        private readonly Lock _gate = new();
        private int _there;

        public int Steps { get; private set; }

        public void Await(int end)
        {
            lock (_gate)
            {
                end = Math.Min(end, from.Layout.Length);
                if (end > _there)
                {
                    from.Values[_there..end].CopyTo(to.Values[_there..end]);
                    _there = end;
                    Steps++;
                }
            }
        }
    }

    private sealed class Lost : IParameterArrival
    {
        public void Await(int end) => throw new ParametersLostException();
    }
}
