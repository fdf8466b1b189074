using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Optimizers;

/// <summary>What Adam and its relatives share: two moments, and βᵗ, a repeated double product kept in the state.</summary>
internal abstract unsafe class AdamFamily(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout, double defaultEpsilon)
    : Optimizer(spec, kernels, layout, "exp_avg", "exp_avg_sq")
{
    private const double DefaultBeta1 = 0.9;
    private const double DefaultBeta2 = 0.999;
    private readonly double[] _powers = [1, 1];

    /// <summary>β₁ᵗ and β₂ᵗ.</summary>
    public override Span<double> Scalars => _powers;

    protected float Epsilon => (float)(Spec.Epsilon ?? defaultEpsilon);

    /// <summary>1 − β₁ᵗ</summary>
    protected double Correction1 => 1 - _powers[0];

    /// <summary>√(1 − β₂ᵗ)</summary>
    protected float RootOfCorrection2 => (float)Math.Sqrt(1 - _powers[1]);

    private double Beta1 => Spec.Beta1 ?? DefaultBeta1;

    private double Beta2 => Spec.Beta2 ?? DefaultBeta2;

    private protected override void Prepare(float* parameters, float* gradientSums, float scale, double learningRate)
    {
        _powers[0] *= Beta1;
        _powers[1] *= Beta2;
        Prepare(parameters, gradientSums, learningRate, new AdamMoments<float>(scale, (float)(1 - Beta1), (float)Beta2, (float)(1 - Beta2)));
    }

    private protected abstract void Prepare(float* parameters, float* gradientSums, double learningRate, AdamMoments<float> moments);
}

/// <summary>Adam (Kingma and Ba 2015): <see cref="AdamUpdate{T}"/>.</summary>
internal sealed unsafe class Adam(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout)
    : AdamFamily(spec, kernels, layout, DefaultEpsilon)
{
    internal const double DefaultEpsilon = 1e-8;

    private AdamUpdate<float> _update;

    public override void Update(float* parameters, float* gradientSums, int first, int count) => Run(_update, parameters, gradientSums, first, count);

    private protected override void Prepare(float* parameters, float* gradientSums, double learningRate, AdamMoments<float> moments) =>
        _update = new AdamUpdate<float>(moments, (float)(-learningRate / Correction1), RootOfCorrection2, Epsilon);
}

/// <summary>AdamW (Loshchilov and Hutter 2019), PyTorch's formula and defaults: <see cref="AdamWUpdate{T}"/>.</summary>
internal sealed unsafe class AdamW(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout)
    : AdamFamily(spec, kernels, layout, Adam.DefaultEpsilon)
{
    private const double DefaultWeightDecay = 0.01;

    private AdamWUpdate<float> _update;

    public override void Update(float* parameters, float* gradientSums, int first, int count) => Run(_update, parameters, gradientSums, first, count);

    private protected override void Prepare(float* parameters, float* gradientSums, double learningRate, AdamMoments<float> moments)
    {
        var kept = (float)(1 - (learningRate * (Spec.WeightDecay ?? DefaultWeightDecay)));
        _update = new AdamWUpdate<float>(new AdamUpdate<float>(moments, (float)(-learningRate / Correction1), RootOfCorrection2, Epsilon), kept);
    }
}

/// <summary>
/// LAMB (You et al. 2020, algorithm 2, with φ the identity): Adam's direction with the decay inside, u = m̂ / (√v̂ + ε) + λ·p, and for each tensor
/// a step of length η·‖p‖: <c>p ← p − η·(‖p‖ / ‖u‖)·u</c>; the ratio is 1 if either norm is 0. The defaults ε = 1e-6 and λ = 0.01 are those
/// of the paper's BERT runs. PyTorch has no LAMB.
/// </summary>
internal sealed unsafe class Lamb(OptimizerSpec spec, Kernels<float> kernels, ParameterLayout layout)
    : AdamFamily(spec, kernels, layout, DefaultEpsilon)
{
    private const double DefaultEpsilon = 1e-6;
    private const double DefaultWeightDecay = 0.01;

    private readonly float[] _rates = new float[layout.ParameterSlots.Count];

    /// <summary>The step along the direction, which <see cref="Prepare"/> left in the gradient's place.</summary>
    public override void Update(float* parameters, float* gradientSums, int first, int count)
    {
        for (var i = 0; i < _rates.Length; i++)
        {
            var tensor = Layout.ParameterSlots[i];
            var start = Math.Max(first, tensor.Offset);
            var length = Math.Min(first + count, tensor.Offset + tensor.Length) - start;
            if (length > 0)
            {
                Kernels.Update(new SgdUpdate<float>(_rates[i], 1f), parameters + start, gradientSums + start, null, null, length);
            }
        }
    }

    private protected override void Prepare(float* parameters, float* gradientSums, double learningRate, AdamMoments<float> moments)
    {
        Run(moments, parameters, gradientSums, 0, Layout.ParameterLength);
        // The gradient has done its work: u takes its place.
        Run(
            new LambDirection<float>((float)Correction1, RootOfCorrection2, Epsilon, (float)(Spec.WeightDecay ?? DefaultWeightDecay)),
            gradientSums,
            parameters,
            0,
            Layout.ParameterLength);
        for (var i = 0; i < _rates.Length; i++)
        {
            var tensor = Layout.ParameterSlots[i];
            var parameterNorm = Math.Sqrt(Kernels.SumOfSquares(parameters + tensor.Offset, tensor.Length));
            var directionNorm = Math.Sqrt(Kernels.SumOfSquares(gradientSums + tensor.Offset, tensor.Length));
            var ratio = parameterNorm > 0 && directionNorm > 0 ? parameterNorm / directionNorm : 1;
            _rates[i] = (float)(-learningRate * ratio);
        }
    }
}
