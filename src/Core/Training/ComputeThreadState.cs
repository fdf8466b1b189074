using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>What one thread of a <see cref="ShardComputation"/> owns: a network, the rows it computes, and the part of the range it was given.</summary>
/// <param name="model">The network.</param>
/// <param name="kernels">What it computes with.</param>
/// <param name="augmentation">How the images of a step are moved; null for not at all.</param>
/// <param name="seed">Of the random numbers inside of a step.</param>
internal sealed unsafe class ComputeThreadState(ModelSpec model, Kernels<float> kernels, AugmentationSpec? augmentation, ulong seed) : IDisposable
{
    /// <summary>How many samples ahead: a few, as many as are read while one comes from memory.</summary>
    private const int PrefetchedRows = 4;

    private readonly RowBuffer<float> _inputs = new(model.Shapes()[0].Size);
    private readonly SampleLoader<float> _loader = new(model, kernels);
    private readonly float[] _unmoved = augmentation is null ? [] : new float[model.Shapes()[0].Size];
    private byte[] _labels = [];
    private int _rows;
    private float* _parameters;
    private IParameterArrival? _arrival;
    private bool _parametersAreNew;

    public Network<float> Network { get; } = new(model, kernels);

    public List<Partial> Partials { get; } = [];

    public ShardRange Range { get; set; }

    public FoldPlan? Plan { get; set; }

    public Matrix<float> Input { get; private set; }

    public ReadOnlySpan<byte> Labels => _labels.AsSpan(0, _rows);

    /// <summary>New parameters, which are there, or come.</summary>
    public void Give(float* parameters, IParameterArrival? arrival)
    {
        _parameters = parameters;
        _arrival = arrival;
        _parametersAreNew = true;
    }

    /// <summary>Packs new parameters on the thread that uses them, once.</summary>
    /// <param name="asTheyCome">Whether the pass that follows may begin before all have come.</param>
    /// <exception cref="ParametersLostException">They do not come.</exception>
    public void TakeParameters(bool asTheyCome)
    {
        if (!_parametersAreNew)
        {
            return;
        }

        _parametersAreNew = false;
        if (asTheyCome && _arrival is not null)
        {
            Network.UseParameters(_parameters, _arrival);
            return;
        }

        _arrival?.Await(int.MaxValue);
        Network.UseParameters(_parameters);
    }

    /// <summary>Loads samples of a training step.</summary>
    /// <param name="images">The training set.</param>
    /// <param name="samples">Which of them, in the order of their positions in the batch.</param>
    /// <param name="step">The step.</param>
    /// <param name="firstPosition">The first one's position in the batch.</param>
    public void LoadForTraining(LabeledImages images, ReadOnlySpan<int> samples, long step, int firstPosition)
    {
        Resize(samples.Length);
        for (var row = 0; row < Math.Min(PrefetchedRows, samples.Length); row++)
        {
            SampleLoader<float>.Prefetch(images, samples[row]);
        }

        for (var row = 0; row < samples.Length; row++)
        {
            if (row + PrefetchedRows < samples.Length)
            {
                SampleLoader<float>.Prefetch(images, samples[row + PrefetchedRows]);
            }

            var pointer = Load(images, row, samples[row]);
            if (augmentation is not null)
            {
                var values = new Span<float>(pointer, _unmoved.Length);
                values.CopyTo(_unmoved);
                Augmentation.Draw(augmentation, seed, step, firstPosition + row).Apply(_unmoved, values, images.Channels, images.Height, images.Width);
            }

            _loader.Normalize(pointer, Input.Columns);
        }
    }

    /// <summary>Loads consecutive samples for an evaluation.</summary>
    /// <param name="images">Where they lie.</param>
    /// <param name="first">The first.</param>
    /// <param name="count">How many.</param>
    public void LoadForEvaluation(LabeledImages images, int first, int count)
    {
        Resize(count);
        for (var row = 0; row < count; row++)
        {
            _loader.Normalize(Load(images, row, first + row), Input.Columns);
        }
    }

    public void Dispose()
    {
        _inputs.Dispose();
        Network.Dispose();
    }

    private void Resize(int rows)
    {
        _rows = rows;
        Input = _inputs.Rows(rows);
        if (_labels.Length < rows)
        {
            _labels = new byte[rows];
        }
    }

    private float* Load(LabeledImages images, int row, int sample)
    {
        var pointer = Input.Data + ((nint)row * Input.Stride);
        _labels[row] = _loader.Load(images, sample, pointer);
        return pointer;
    }
}
