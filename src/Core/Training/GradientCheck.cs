using System.IO.Hashing;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>
/// Two ways to the gradient, compared (the book's section 5.7.3): backpropagation, and central differences
/// <c>(L(w + h) − L(w − h)) / 2h</c>, both in <see cref="double"/> with the reference kernels. L is the sum of the losses of a small batch,
/// at the model's initial parameters.
/// </summary>
public sealed unsafe class GradientCheck : IDisposable
{
    /// <summary>h. The error of the differences is about h² (their formula) and 2⁻⁵² / h (rounding); 1e-5 balances the two.</summary>
    public const double Step = 1e-5;

    /// <summary>The largest relative error of a right gradient.</summary>
    public const double Tolerance = 1e-6;

    /// <summary>Tensors with more elements are checked at <see cref="SampledElements"/> of them.</summary>
    public const int LargestWholeTensor = 10_000;

    /// <summary>How many elements of a large tensor are checked.</summary>
    public const int SampledElements = 200;

    /// <summary>
    /// Gradients below this are compared as if they were this large. The differences carry a rounding error of about 2⁻⁵² · L / h ≈ 5e-11
    /// each, so an element of 1e-6 is known to four digits only, whatever backpropagation says.
    /// </summary>
    public const double SmallestScale = 1e-4;

    private readonly ReferenceKernels<double> _kernels = new();
    private readonly Network<double> _network;
    private readonly RowBuffer<double> _inputs;
    private readonly AlignedBuffer<double> _parameters;
    private readonly Matrix<double> _input;
    private readonly byte[] _labels;
    private readonly int[] _elements;
    private readonly ForwardPass _pass;
    private readonly XxHash128 _branches = new();

    /// <summary>Prepares a check.</summary>
    /// <param name="model">The model; its samples have as many elements as the images.</param>
    /// <param name="images">Where the batch is drawn from.</param>
    /// <param name="seed">Of the initial parameters, the batch and the elements checked.</param>
    /// <param name="sampleCount">The samples of the batch, at least 1; as many as there are images if there are fewer.</param>
    /// <exception cref="InvalidInputException">The model does not fit the images.</exception>
    public GradientCheck(ModelSpec model, LabeledImages images, ulong seed, int sampleCount = 8)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleCount, 1);
        var shapes = model.Shapes();
        if (shapes[0].Size != images.ImageSize || shapes[^1].Size < images.ClassCount)
        {
            throw new InvalidInputException(
                $"Model {model.Name} takes samples of shape {shapes[0]} and gives {shapes[^1].Size} scores, "
                + $"but the images have ({images.Channels}, {images.Height}, {images.Width}) and {images.ClassCount} classes.");
        }

        var samples = Sampler.Permutation(seed, epoch: 0, images.Count).AsSpan(0, Math.Min(sampleCount, images.Count));
        Layout = model.ParameterLayout();
        // One step's forward pass: batch statistics are the batch's, and a dropout mask is the same every time.
        _pass = ForwardPass.Training(new FoldPlan(shardCount: 1, new ShardRange(0, 1), samples.Length), seed, step: 0);
        _network = new Network<double>(model, _kernels);
        _inputs = new RowBuffer<double>(images.ImageSize);
        _input = _inputs.Rows(samples.Length);
        _labels = new byte[samples.Length];
        var loader = new SampleLoader<double>(model, _kernels);
        for (var row = 0; row < samples.Length; row++)
        {
            var pointer = _input.Data + ((nint)row * _input.Stride);
            _labels[row] = loader.Load(images, samples[row], pointer);
            loader.Normalize(pointer, images.ImageSize);
        }

        _parameters = new AlignedBuffer<double>(Layout.Length);
        using (var initial = model.InitialParameters(seed))
        {
            for (var i = 0; i < Layout.Length; i++)
            {
                _parameters.Span[i] = initial.Values[i];
            }
        }

        _elements = ChooseElements(Layout, seed);
    }

    /// <summary>Where the parameters lie.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>How many elements <see cref="NumericalGradient"/> computes.</summary>
    public int ElementCount => _elements.Length;

    /// <summary>The whole gradient by one forward and one backward pass.</summary>
    public double[] BackpropagationGradient()
    {
        using var gradient = new AlignedBuffer<double>(Layout.Length);
        var buffer = gradient.Pointer;
        _network.UseParameters(_parameters.Pointer);
        _network.Gradients(_input, _labels, _pass, new GradientFold<double>(_pass.Plan!, &buffer), out _);
        return gradient.Span.ToArray();
    }

    /// <summary>The gradient by two forward passes per element, at the elements that are checked, ascending.</summary>
    /// <param name="cancellation">Ends it between two elements: a large model takes minutes.</param>
    public IReadOnlyList<NumericalElement> NumericalGradient(CancellationToken cancellation = default)
    {
        var result = new NumericalElement[_elements.Length];
        var lossesAbove = new double[_labels.Length];
        var lossesBelow = new double[_labels.Length];
        var branches = Evaluate(lossesAbove);
        for (var i = 0; i < result.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            ref var parameter = ref _parameters.Span[_elements[i]];
            var value = parameter;
            var (above, below) = (value + Step, value - Step);
            parameter = above;
            var branchesAbove = Evaluate(lossesAbove);
            parameter = below;
            var branchesBelow = Evaluate(lossesBelow);
            parameter = value;
            var difference = 0d;
            for (var row = 0; row < lossesAbove.Length; row++)
            {
                difference += lossesAbove[row] - lossesBelow[row];
            }

            var isKink = branches != branchesAbove || branches != branchesBelow;
            // Divided by the distance between the two values as they were rounded, not by 2h.
            result[i] = new NumericalElement(_elements[i], difference / (above - below), isKink);
        }

        return result;
    }

    /// <summary>Both gradients, compared.</summary>
    public GradientCheckResult Run() => Compare(BackpropagationGradient(), NumericalGradient());

    /// <summary>Compares the two.</summary>
    public GradientCheckResult Compare(ReadOnlySpan<double> backpropagation, IReadOnlyList<NumericalElement> numerical)
    {
        var tensors = new List<GradientCheckTensor>();
        foreach (var slot in Layout.ParameterSlots)
        {
            var tensor = new GradientCheckTensor(slot.Name, slot.Length, CheckedCount: 0, KinkCount: 0, WorstRelativeError: 0, WorstElement: -1);
            foreach (var element in numerical.Where(element => element.Index >= slot.Offset && element.Index < slot.Offset + slot.Length))
            {
                if (element.IsKink)
                {
                    tensor = tensor with { KinkCount = tensor.KinkCount + 1 };
                    continue;
                }

                var error = RelativeError(backpropagation[element.Index], element.Value);
                tensor = tensor with { CheckedCount = tensor.CheckedCount + 1 };
                // Not "error > worst": a NaN is the worst of all, and stays it.
                if (tensor.WorstElement < 0 || !(error <= tensor.WorstRelativeError))
                {
                    tensor = tensor with { WorstRelativeError = error, WorstElement = element.Index - slot.Offset };
                }
            }

            tensors.Add(tensor);
        }

        return new GradientCheckResult(tensors);
    }

    /// <summary><c>|a − n| / max(SmallestScale, |a| + |n|)</c></summary>
    public static double RelativeError(double backpropagation, double numerical) =>
        Math.Abs(backpropagation - numerical) / Math.Max(SmallestScale, Math.Abs(backpropagation) + Math.Abs(numerical));

    /// <inheritdoc/>
    public void Dispose()
    {
        _network.Dispose();
        _inputs.Dispose();
        _parameters.Dispose();
    }

    /// <summary>All elements of small tensors; of a large one, distinct seeded ones.</summary>
    private static int[] ChooseElements(ParameterLayout layout, ulong seed)
    {
        var elements = new List<int>();
        for (var i = 0; i < layout.ParameterSlots.Count; i++)
        {
            var slot = layout.ParameterSlots[i];
            if (slot.Length <= LargestWholeTensor)
            {
                elements.AddRange(Enumerable.Range(slot.Offset, slot.Length));
                continue;
            }

            var random = new RandomStream(seed, RandomPurpose.GradientCheck, layer: i);
            var chosen = new SortedSet<int>();
            for (var draw = 0; chosen.Count < SampledElements; draw++)
            {
                chosen.Add(slot.Offset + random.Below(draw, slot.Length));
            }

            elements.AddRange(chosen);
        }

        return [.. elements];
    }

    /// <summary>One forward pass with the parameters as they are: the loss of each sample, and a hash of the branches it took.</summary>
    private UInt128 Evaluate(Span<double> losses)
    {
        _network.UseParameters(_parameters.Pointer);
        var result = _network.Forward(_input, _pass);
        _branches.Reset();
        _network.AppendBranches(_branches);
        var results = _network.Loss(result, _labels, isTraining: true);
        for (var row = 0; row < losses.Length; row++)
        {
            losses[row] = results.Data[row];
        }

        return _branches.GetCurrentHashAsUInt128();
    }
}

/// <summary>One element of the numerical gradient.</summary>
/// <param name="Index">In the flat buffer.</param>
/// <param name="Value">The central difference.</param>
/// <param name="IsKink">The interval crosses a kink, such as a ReLU's, where there is no derivative to compare with.</param>
public readonly record struct NumericalElement(int Index, double Value, bool IsKink);

/// <summary>The comparison of one tensor.</summary>
/// <param name="Name">As in the layout.</param>
/// <param name="Length">Its elements.</param>
/// <param name="CheckedCount">How many of them were compared.</param>
/// <param name="KinkCount">How many were left out because the interval crosses a kink.</param>
/// <param name="WorstRelativeError">See <see cref="GradientCheck.RelativeError"/>; 0 if none was compared.</param>
/// <param name="WorstElement">Where, counted within the tensor; −1 if none was compared.</param>
public sealed record GradientCheckTensor(
    string Name,
    int Length,
    int CheckedCount,
    int KinkCount,
    double WorstRelativeError,
    int WorstElement);

/// <summary>The comparison of a model.</summary>
/// <param name="Tensors">Tensor by tensor, in the layout's order.</param>
public sealed record GradientCheckResult(IReadOnlyList<GradientCheckTensor> Tensors)
{
    /// <summary>The worst of all, 0 if there are none; NaN if one is NaN.</summary>
    public double WorstRelativeError => Tensors.Select(tensor => tensor.WorstRelativeError).Aggregate(0d, Math.Max);

    /// <summary>Elements left out because the interval crosses a kink.</summary>
    public int KinkCount => Tensors.Sum(tensor => tensor.KinkCount);

    /// <summary>Elements compared.</summary>
    public int CheckedCount => Tensors.Sum(tensor => tensor.CheckedCount);

    /// <summary>True if no error exceeds <see cref="GradientCheck.Tolerance"/> and something of every tensor, and so something at all, was compared.</summary>
    public bool Passed =>
        WorstRelativeError <= GradientCheck.Tolerance && Tensors.Count > 0 && Tensors.All(tensor => tensor.CheckedCount > 0);
}
