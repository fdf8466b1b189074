using System.Globalization;
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
/// at the model's initial parameters, those that start equal moved a little.
/// </summary>
public sealed unsafe class GradientCheck : IDisposable
{
    /// <summary>h. The error of the differences is about h² (their formula) and 2⁻⁵² / h (rounding); 1e-5 balances the two.</summary>
    public const double Step = 1e-5;

    /// <summary>H of the five-point formula, whose error is about H⁴ and 2⁻⁵² / H.</summary>
    public const double WideStep = 2e-4;

    /// <summary>The largest relative error of a right gradient.</summary>
    public const double Tolerance = 1e-6;

    /// <summary>
    /// Gradients below this are compared as if they were this large. The differences carry a rounding error of about 2⁻⁵² · L / h ≈ 5e-11
    /// each, so an element of 1e-6 is known to four digits only, whatever backpropagation says.
    /// </summary>
    public const double SmallestScale = 1e-4;

    /// <summary>Its rounding error is ten times that of <see cref="Step"/>: below 1e-8, also in deep networks.</summary>
    private const double NarrowStep = 1e-6;

    /// <summary>The smallest derivative that the rounding error at <see cref="NarrowStep"/> leaves within the tolerance.</summary>
    private const double SmallestAtNarrowStep = 1e-2;
    private const double Noise = 0.1;
    private const int NoiseLayer = RandomStream.LayerLimit - 2;

    private readonly ReferenceKernels<double> _kernels = new();
    private readonly Network<double> _network;
    private readonly RowBuffer<double> _inputs;
    private readonly AlignedBuffer<double> _parameters;
    private readonly Matrix<double> _input;
    private readonly byte[] _labels;
    private readonly IReadOnlyList<GradientCheckElements> _elements;
    private readonly ForwardPass _pass;
    private readonly XxHash128 _branches = new();

    /// <summary>Prepares a check.</summary>
    /// <param name="model">The model; its samples have as many elements as the images.</param>
    /// <param name="images">Where the batch is drawn from.</param>
    /// <param name="seed">Of the initial parameters, the batch and the elements checked.</param>
    /// <param name="sampleCount">
    /// The samples of the batch, at least 1; as many as there are images if there are fewer. Null: <see cref="GradientCheckPlan.For"/> decides.
    /// </param>
    /// <exception cref="InvalidInputException">The model does not fit the images.</exception>
    public GradientCheck(ModelSpec model, LabeledImages images, ulong seed, int? sampleCount = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleCount ?? 1, 1);
        var plan = GradientCheckPlan.For(model);
        var shapes = model.Shapes();
        if (shapes[0].Size != images.ImageSize || shapes[^1].Size < images.ClassCount)
        {
            throw new InvalidInputException(
                $"Model {model.Name} takes samples of shape {shapes[0]} and gives {shapes[^1].Size} scores, "
                + $"but the images have ({images.Channels}, {images.Height}, {images.Width}) and {images.ClassCount} classes.");
        }

        var samples = Sampler.Permutation(seed, epoch: 0, images.Count).AsSpan(0, Math.Min(sampleCount ?? plan.SampleCount, images.Count));
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

        MoveOffKinks(seed);

        _elements = plan.Choose(Layout, seed);
    }

    /// <summary>Where the parameters lie.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>The whole gradient by one forward and one backward pass.</summary>
    public double[] BackpropagationGradient()
    {
        using var gradient = new AlignedBuffer<double>(Layout.Length);
        var buffer = gradient.Pointer;
        _network.UseParameters(_parameters.Pointer);
        _network.Gradients(_input, _labels, _pass, new GradientFold<double>(_pass.Plan!, &buffer), out _);
        return gradient.Span.ToArray();
    }

    /// <summary>
    /// The gradient by two forward passes per element, at the elements that are checked, ascending; an element at a kink is in the result, and another
    /// one is taken for it where there are more.
    /// </summary>
    /// <param name="cancellation">Ends it between two elements: a large model takes minutes.</param>
    public IReadOnlyList<NumericalElement> NumericalGradient(CancellationToken cancellation = default)
    {
        var result = new List<NumericalElement>();
        _network.UseParameters(_parameters.Pointer);
        foreach (var tensor in _elements)
        {
            var (layer, @checked) = (LayerOf(tensor.Slot), 0);
            // The layers before this one give what they gave, so each difference begins at it.
            var input = _network.ForwardUpTo(layer, _input, _pass);
            var branches = Evaluate(layer, input).Branches;
            foreach (var index in tensor.Candidates)
            {
                cancellation.ThrowIfCancellationRequested();
                var element = Difference(index, layer, input, branches);
                result.Add(element);
                @checked += element.IsKink ? 0 : 1;
                if (@checked == tensor.WantedCount)
                {
                    break;
                }
            }

            _network.Layers[layer].UseParameters(_parameters.Pointer);
        }

        return [.. result.OrderBy(element => element.Index)];
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

    /// <summary>
    /// Biases start equal, at 0: the black pixels of an image then sit exactly on the kink of a ReLU. A little noise takes them off it.
    /// </summary>
    private void MoveOffKinks(ulong seed)
    {
        for (var i = 0; i < Layout.ParameterSlots.Count; i++)
        {
            var slot = Layout.ParameterSlots[i];
            var values = _parameters.Span.Slice(slot.Offset, slot.Length);
            if (values.ContainsAnyExcept(values[0]))
            {
                continue;
            }

            var random = new RandomStream(seed, RandomPurpose.GradientCheck, layer: NoiseLayer, stepOrEpoch: i);
            for (var element = 0; element < values.Length; element++)
            {
                values[element] += Noise * ((2 * random.Unit(element)) - 1);
            }
        }
    }

    /// <summary>
    /// The derivative by one parameter: by the five-point formula <c>(8 (L₊₁ − L₋₁) − (L₊₂ − L₋₂)) / 12H</c> where no kink is within 2H, else by the central
    /// difference over <see cref="Step"/>, and where even that crosses one, as it does for a parameter of a whole channel, over <see cref="NarrowStep"/> if
    /// the derivative is large enough for its rounding.
    /// </summary>
    private NumericalElement Difference(int index, int layer, Matrix<double> input, UInt128 branches)
    {
        var value = _parameters.Span[index];
        try
        {
            if (LossesAt(value - (2 * WideStep)) is { } below2 && LossesAt(value + (2 * WideStep)) is { } above2
                && LossesAt(value - WideStep) is { } below1 && LossesAt(value + WideStep) is { } above1)
            {
                return new NumericalElement(index, ((8 * Change(below1, above1)) - Change(below2, above2)) / (12 * WideStep), IsKink: false);
            }

            return Central(Step) is { } slope ? new NumericalElement(index, slope, IsKink: false)
                : Central(NarrowStep) is { } steep && Math.Abs(steep) >= SmallestAtNarrowStep ? new NumericalElement(index, steep, IsKink: false)
                : new NumericalElement(index, double.NaN, IsKink: true);
        }
        finally
        {
            _parameters.Span[index] = value;
        }

        double? Central(double step)
        {
            // Divided by the distance between the two values as they were rounded, not by 2h.
            var (down, up) = (value - step, value + step);
            return LossesAt(down) is { } below && LossesAt(up) is { } above ? Change(below, above) / (up - down) : null;
        }

        double[]? LossesAt(double moved)
        {
            _parameters.Span[index] = moved;
            var (losses, taken) = Evaluate(layer, input);
            return taken == branches ? losses : null;
        }

        // Sample by sample: the losses' sum would swallow the digits that matter.
        static double Change(double[] from, double[] to) => to.Zip(from, (x, y) => x - y).Aggregate(0d, (sum, term) => sum + term);
    }

    /// <summary>A forward pass from one layer on, with the parameters as they are: the loss of each sample, and a hash of the branches it took.</summary>
    private (double[] Losses, UInt128 Branches) Evaluate(int layer, Matrix<double> input)
    {
        _network.Layers[layer].UseParameters(_parameters.Pointer);
        var scores = _network.ForwardFrom(layer, input, _pass);
        _branches.Reset();
        for (var i = layer; i < _network.Layers.Count; i++)
        {
            _network.Layers[i].AppendBranches(_branches);
        }

        var losses = _network.Loss(scores, _labels, isTraining: true);
        return (new ReadOnlySpan<double>(losses.Data, _labels.Length).ToArray(), _branches.GetCurrentHashAsUInt128());
    }

    /// <summary>The layer that a tensor belongs to, by its name.</summary>
    private static int LayerOf(TensorSlot slot) =>
        int.Parse(slot.Name.AsSpan(0, slot.Name.IndexOf('.', StringComparison.Ordinal)), CultureInfo.InvariantCulture);
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
