using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>What one thread of a <see cref="ShardComputation"/> owns: a network, the rows it computes, and the part of the range it was given.</summary>
internal sealed unsafe class ComputeThreadState(ModelSpec model, Kernels<float> kernels) : IDisposable
{
    private readonly RowBuffer<float> _inputs = new(model.Shapes()[0].Size);
    private byte[] _labels = [];
    private int _rows;
    private float* _parametersInUse;
    private float* _parameters;
    private bool _parametersAreNew;

    public Network<float> Network { get; } = new(model, kernels);

    public List<Partial> Partials { get; } = [];

    public ShardRange Range { get; set; }

    public FoldPlan? Plan { get; set; }

    public Matrix<float> Input { get; private set; }

    public ReadOnlySpan<byte> Labels => _labels.AsSpan(0, _rows);

    public float* Parameters
    {
        set
        {
            _parameters = value;
            _parametersAreNew = true;
        }
    }

    /// <summary>Packs new parameters on the thread that uses them, once.</summary>
    public void TakeParameters()
    {
        if (_parametersAreNew || _parametersInUse != _parameters)
        {
            Network.UseParameters(_parameters);
            _parametersInUse = _parameters;
            _parametersAreNew = false;
        }
    }

    public void Load(LabeledImages images, Kernels<float> kernels, ReadOnlySpan<int> samples)
    {
        Resize(samples.Length);
        fixed (byte* pixels = images.Pixels)
        {
            for (var row = 0; row < samples.Length; row++)
            {
                LoadRow(images, kernels, pixels, row, samples[row]);
            }
        }
    }

    public void Load(LabeledImages images, Kernels<float> kernels, int first, int count)
    {
        Resize(count);
        fixed (byte* pixels = images.Pixels)
        {
            for (var row = 0; row < count; row++)
            {
                LoadRow(images, kernels, pixels, row, first + row);
            }
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

    private void LoadRow(LabeledImages images, Kernels<float> kernels, byte* pixels, int row, int sample)
    {
        var size = Input.Columns;
        // First the label: its array checks the sample's number, the pixels' pointer does not.
        _labels[row] = images.Labels[sample];
        kernels.BytesToUnit(pixels + ((nint)sample * size), Input.Data + ((nint)row * Input.Stride), size);
    }
}
