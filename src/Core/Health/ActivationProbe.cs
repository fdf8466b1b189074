using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Health;

/// <summary>
/// Looks at what the layers of a model give, those inside of blocks included, while somebody evaluates <see cref="Model"/> on one thread. It computes
/// what the original does, in the same bits.
/// </summary>
public sealed class ActivationProbe
{
    /// <summary>The kind whose units can be dead.</summary>
    internal const string Relu = "relu";

    private const string Sigmoid = "sigmoid";
    private const string Tanh = "tanh";

    private readonly List<OutputObserver> _observers = [];
    private readonly ScoreObserver _scores;

    /// <summary>A model to be looked at.</summary>
    /// <param name="model">The model.</param>
    /// <param name="scoresOnly">True for <see cref="Predictions"/> alone, which costs next to nothing; default all layers.</param>
    public ActivationProbe(ModelSpec model, bool scoresOnly = false)
    {
        var chain = model.Chain();
        List<LayerSpec> layers = scoresOnly ? [.. chain.Layers] : Watch(chain, prefix: "", before: "the input");
        _scores = new ScoreObserver(chain.Output.Size);
        layers[^1] = new WatchedSpec(layers[^1], _scores);
        Model = model with { Layers = layers };
    }

    /// <summary>The same model, watched. It serves evaluations only.</summary>
    public ModelSpec Model { get; }

    /// <summary>What each layer gave so far, in the order of the tensors, a block after its own layers.</summary>
    public IReadOnlyList<LayerActivity> Layers => [.. _observers.Select(observer => observer.Result())];

    /// <summary>How many samples were taken for each class so far: that of the first highest score.</summary>
    public IReadOnlyList<int> Predictions => _scores.Counts;

    /// <summary>The class of each sample so far, in their order: that of the first highest score.</summary>
    internal IReadOnlyList<byte> Classes => _scores.Classes;

    private List<LayerSpec> Watch(LayerChain chain, string prefix, string before)
    {
        var watched = new List<LayerSpec>();
        for (var i = 0; i < chain.Layers.Count; i++)
        {
            var (layer, path) = (chain.Layers[i], $"{prefix}{i}");
            var kind = SpecCatalog.NameOf(layer);
            var inside = layer is BlockSpec block
                ? block.Chains(chain.Shapes[i]).Select(inner => (IReadOnlyList<LayerSpec>)Watch(inner.Chain, $"{path}.{inner.Name}.", before)).ToList()
                : [];
            var observer = new OutputObserver(path, kind, before, chain.Shapes[i + 1]);
            _observers.Add(observer);
            watched.Add(new WatchedSpec(
                layer switch
                {
                    ResidualSpec residual => residual with { Main = inside[0], Shortcut = residual.Shortcut is null ? null : inside[1] },
                    ParallelSpec parallel => parallel with { Branches = inside },
                    _ => layer,
                },
                observer));
            before = $"{path} ({kind})";
        }

        return watched;
    }

    /// <summary>Takes what a layer gives.</summary>
    private interface IObserver
    {
        void Observe<T>(Matrix<T> output)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>;
    }

    /// <summary>Keeps, for each unit or channel, how far from doing nothing it came.</summary>
    private sealed class OutputObserver(string path, string kind, string before, Shape shape) : IObserver
    {
        private readonly float[] _activity = kind is Relu or Sigmoid or Tanh ? new float[shape.Rank == 1 ? shape.Size : shape[0]] : [];
        private bool _isFinite = true;

        public LayerActivity Result() => new(path, kind, before, _activity, _isFinite);

        public void Observe<T>(Matrix<T> output)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            var pixels = _activity.Length == 0 ? 1 : shape.Size / _activity.Length;
            for (var row = 0; row < output.Rows; row++)
            {
                var values = output.Row(row);
                for (var i = 0; i < values.Length; i++)
                {
                    var value = float.CreateTruncating(values[i]);
                    _isFinite &= float.IsFinite(value);
                    if (_activity.Length > 0)
                    {
                        ref var activity = ref _activity[i / pixels];
                        // A NaN stays, and is neither dead nor saturated.
                        activity = MathF.Max(activity, Measure(value));
                    }
                }
            }
        }

        private float Measure(float value) => kind switch
        {
            Sigmoid => MathF.Min(value, 1 - value),
            Tanh => (1 - MathF.Abs(value)) / 2,
            _ => value,
        };
    }

    /// <summary>Counts the classes with the highest score.</summary>
    private sealed class ScoreObserver(int classes) : IObserver
    {
        public int[] Counts { get; } = new int[classes];

        public List<byte> Classes { get; } = [];

        public void Observe<T>(Matrix<T> output)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            for (var row = 0; row < output.Rows; row++)
            {
                var scores = output.Row(row);
                var best = 0;
                for (var i = 1; i < scores.Length; i++)
                {
                    best = scores[i] > scores[best] ? i : best;
                }

                Counts[best] += T.IsFinite(scores[best]) ? 1 : 0;
                Classes.Add((byte)best);
            }
        }
    }

    /// <summary>A layer that tells what it gives.</summary>
    private sealed record WatchedSpec(LayerSpec Inner, IObserver Observer) : LayerSpec
    {
        public override int LayerCount() => Inner.LayerCount();

        public override IReadOnlyList<(string Name, Shape Shape)> Parameters(Shape input) => Inner.Parameters(input);

        public override IReadOnlyList<BufferSpec> Buffers(Shape input) => Inner.Buffers(input);

        public override Shape OutputShape(Shape input) => Inner.OutputShape(input);

        public override long MultiplyAdds(Shape input) => Inner.MultiplyAdds(input);

        public override int? StatisticSize(Shape input) => Inner.StatisticSize(input);

        public override void Initialize(Span<float> values, string name, Shape input, ulong seed, int layer) =>
            Inner.Initialize(values, name, input, seed, layer);

        public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) =>
            new WatchedLayer<T>(kernels, Inner.Build(kernels, input, place), Observer);
    }

    private sealed unsafe class WatchedLayer<T>(Kernels<T> kernels, Layer<T> inner, IObserver observer)
        : Layer<T>(kernels, inner.InputShape, inner.OutputShape)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public override void UseParameters(T* parameters) => inner.UseParameters(parameters);

        public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
        {
            var output = inner.Forward(input, pass);
            observer.Observe(output);
            return output;
        }

        public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted) =>
            inner.Backward(outputGradient, gradients, inputGradientWanted);

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}
