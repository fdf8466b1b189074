using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>Where the four tensors of a batch normalisation start in the flat buffer.</summary>
/// <param name="Weight">γ, (channels,)</param>
/// <param name="Bias">β, (channels,)</param>
/// <param name="RunningMean">(channels,)</param>
/// <param name="RunningVariance">(channels,), the unbiased one, as PyTorch keeps it.</param>
public readonly record struct BatchNormalizationOffsets(int Weight, int Bias, int RunningMean, int RunningVariance);

/// <summary>
/// Batch normalisation (Ioffe and Szegedy 2015; the book's section 6.3; PyTorch's BatchNorm1d and BatchNorm2d): per channel
/// <c>x̂ = (x − mean) · 1/√(variance + ε)</c>, <c>y = x̂ · γ + β</c>. In training the statistics are those of the row's *shard* (ghost batch
/// normalisation, Hoffer et al. 2017; PyTorch's own at one shard), in an evaluation the running ones. A sum over a shard is per sample the row sum over
/// the channel's pixels, samples chained ascending; the variance is two-pass.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <param name="kernels">What it computes with.</param>
/// <param name="shape">One sample's input and output: <paramref name="channels"/> times as many elements as each has pixels.</param>
/// <param name="channels">Statistics, γ and β there are.</param>
/// <param name="epsilon">ε, above 0.</param>
/// <param name="offsets">Its tensors.</param>
public sealed unsafe class BatchNormalization<T>(Kernels<T> kernels, Shape shape, int channels, float epsilon, BatchNormalizationOffsets offsets)
    : Layer<T>(kernels, shape, shape)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly int _pixels = shape.Size / channels;
    private readonly RowBuffer<T> _output = new(shape.Size);
    private readonly RowBuffer<T> _normalized = new(shape.Size);
    private readonly RowBuffer<T> _sums = new(channels);

    private readonly RowBuffer<T> _scratch = new(channels);
    private readonly RowBuffer<T> _perShard = new(channels);
    private T* _parameters;
    private Matrix<T> _normalizedRows;

    // One row per shard of the plan, all in one buffer.
    private Matrix<T> _inverses, _meanSums, _varianceSums, _weightGradients, _biasGradients;
    private FoldPlan? _shardPlan;

    /// <inheritdoc/>
    public override void UseParameters(T* parameters) => _parameters = parameters;

    /// <inheritdoc/>
    public override Matrix<T> Forward(Matrix<T> input, in ForwardPass pass)
    {
        var output = _output.Rows(input.Rows);
        if (pass.Plan is not { } plan)
        {
            Evaluate(input, output);
            return output;
        }

        // The shorter batch at an epoch's end has other rows, but the same shards.
        if (_shardPlan is null || _shardPlan.ShardCount != plan.ShardCount || _shardPlan.Range != plan.Range)
        {
            // Each shard's row of statistics is folded as if it were its only sample.
            _shardPlan = new FoldPlan(plan.ShardCount, plan.Range, plan.ShardCount);
            var (all, shards) = (_perShard.Rows(5 * _shardPlan.RowCount), _shardPlan.RowCount);
            (_inverses, _meanSums, _varianceSums) = (Part(0), Part(1), Part(2));
            (_weightGradients, _biasGradients) = (Part(3), Part(4));

            Matrix<T> Part(int index) => new(all.RowPointer(index * shards), shards, all.Columns, all.Stride);
        }

        _normalizedRows = _normalized.Rows(input.Rows);
        var shard = 0;
        for (var n = 0; n < plan.Nodes.Count; n++)
        {
            var node = plan.Nodes[n];
            for (var i = 0; i + 1 < node.RowBounds.Length; i++, shard++)
            {
                Normalize(shard, Between(input, node, i), Between(_normalizedRows, node, i), Between(output, node, i));
            }
        }

        return output;
    }

    /// <summary>
    /// Per shard of n elements a channel: <c>∂β = Σ∂y</c>, <c>∂γ = Σ(∂y · x̂)</c>, <c>∂x = (γ/√(variance + ε)) · ((∂y − ∂β/n) − x̂ · (∂γ/n))</c>.
    /// </summary>
    /// <inheritdoc/>
    public override Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted)
    {
        var shard = 0;
        for (var n = 0; n < gradients.Plan.Nodes.Count; n++)
        {
            var node = gradients.Plan.Nodes[n];
            for (var i = 0; i + 1 < node.RowBounds.Length; i++, shard++)
            {
                var dy = Between(outputGradient, node, i);
                var normalized = Between(_normalizedRows, node, i);
                SumDots(dy, normalized, _weightGradients.RowPointer(shard));
                Sum(dy, _biasGradients.RowPointer(shard));
                if (inputGradientWanted && dy.Rows > 0)
                {
                    BackwardInPlace(dy, normalized, shard);
                }
            }
        }

        Kernels.FoldedColumnSums(_weightGradients, _shardPlan!, gradients.NodeBuffers, offsets.Weight);
        Kernels.FoldedColumnSums(_biasGradients, _shardPlan!, gradients.NodeBuffers, offsets.Bias);
        Kernels.FoldedColumnSums(_meanSums, _shardPlan!, gradients.NodeBuffers, offsets.RunningMean);
        Kernels.FoldedColumnSums(_varianceSums, _shardPlan!, gradients.NodeBuffers, offsets.RunningVariance);
        return inputGradientWanted ? outputGradient : default;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (var buffer in (ReadOnlySpan<RowBuffer<T>>)
            [_output, _normalized, _sums, _scratch, _perShard])
        {
            buffer.Dispose();
        }
    }

    private static Matrix<T> Between(Matrix<T> matrix, FoldNode node, int shard) => new(
        matrix.RowPointer(node.RowBounds[shard]), node.RowBounds[shard + 1] - node.RowBounds[shard], matrix.Columns, matrix.Stride);

    /// <summary>Statistics of one shard, kept for the backward pass, and its output.</summary>
    private void Normalize(int shard, Matrix<T> input, Matrix<T> normalized, Matrix<T> output)
    {
        var mean = _meanSums.RowPointer(shard);
        var variance = _varianceSums.RowPointer(shard);
        var inverse = _inverses.RowPointer(shard);
        Sum(input, mean);
        var count = T.CreateChecked((long)input.Rows * _pixels);
        for (var c = 0; c < channels && input.Rows > 0; c++)
        {
            mean[c] /= count;
        }

        Centre(input, mean, normalized);
        SumDots(normalized, normalized, variance);
        var samples = T.CreateChecked(input.Rows);
        // What the shard adds to the running statistics: samples · mean, and samples · unbiased variance. A shard of one element has none of it.
        var unbiased = T.CreateChecked(Math.Max(1, ((long)input.Rows * _pixels) - 1));
        for (var c = 0; c < channels && input.Rows > 0; c++)
        {
            inverse[c] = T.One / T.Sqrt((variance[c] / count) + T.CreateChecked(epsilon));
            variance[c] = samples * (variance[c] / unbiased);
            mean[c] = samples * mean[c];
        }

        Scale(normalized, inverse, output);
    }

    /// <summary><c>normalized ← x − mean</c></summary>
    private void Centre(Matrix<T> input, T* mean, Matrix<T> normalized)
    {
        for (var row = 0; row < input.Rows; row++)
        {
            var x = input.RowPointer(row);
            var result = normalized.RowPointer(row);
            if (_pixels == 1)
            {
                Kernels.Map(default(Subtract), x, mean, result, channels);
                continue;
            }

            for (var c = 0; c < channels; c++)
            {
                Kernels.Map(new SubtractConstant<T>(mean[c]), x + ((nint)c * _pixels), result + ((nint)c * _pixels), _pixels);
            }
        }
    }

    /// <summary><c>normalized ← normalized · inverse</c>, <c>y ← normalized · γ + β</c></summary>
    private void Scale(Matrix<T> normalized, T* inverse, Matrix<T> output)
    {
        var weight = _parameters + offsets.Weight;
        var bias = _parameters + offsets.Bias;
        for (var row = 0; row < normalized.Rows; row++)
        {
            var x = normalized.RowPointer(row);
            var y = output.RowPointer(row);
            if (_pixels == 1)
            {
                Kernels.Map(default(Multiply), x, inverse, x, channels);
                Kernels.Map(default(Multiply), x, weight, y, channels);
                Kernels.Map(default(Add), y, bias, y, channels);
                continue;
            }

            for (var c = 0; c < channels; c++)
            {
                var place = (nint)c * _pixels;
                Kernels.Map(new MultiplyConstant<T>(inverse[c]), x + place, x + place, _pixels);
                Kernels.Map(new ScaleAndShift<T>(weight[c], bias[c]), x + place, y + place, _pixels);
            }
        }
    }

    private void BackwardInPlace(Matrix<T> dy, Matrix<T> normalized, int shard)
    {
        var count = T.CreateChecked((long)dy.Rows * _pixels);
        var weight = _parameters + offsets.Weight;
        var scratch = _scratch.Rows(3);
        var mean = scratch.RowPointer(0);
        var slope = scratch.RowPointer(1);
        var scale = scratch.RowPointer(2);
        for (var c = 0; c < channels; c++)
        {
            mean[c] = _biasGradients.RowPointer(shard)[c] / count;
            slope[c] = _weightGradients.RowPointer(shard)[c] / count;
            scale[c] = weight[c] * _inverses.RowPointer(shard)[c];
        }

        for (var row = 0; row < dy.Rows; row++)
        {
            var gradient = dy.RowPointer(row);
            var x = normalized.RowPointer(row);
            if (_pixels == 1)
            {
                Kernels.Map(default(Subtract), gradient, mean, gradient, channels);
                Kernels.Map(default(Multiply), x, slope, x, channels);
                Kernels.Map(default(Subtract), gradient, x, gradient, channels);
                Kernels.Map(default(Multiply), scale, gradient, gradient, channels);
                continue;
            }

            for (var c = 0; c < channels; c++)
            {
                var place = (nint)c * _pixels;
                Kernels.Map(new NormalizeBackward<T>(mean[c], slope[c], scale[c]), gradient + place, x + place, gradient + place, _pixels);
            }
        }
    }

    private void Evaluate(Matrix<T> input, Matrix<T> output)
    {
        var mean = _parameters + offsets.RunningMean;
        var variance = _parameters + offsets.RunningVariance;
        var weight = _parameters + offsets.Weight;
        var bias = _parameters + offsets.Bias;
        var inverse = _scratch.Rows(1).Data;
        for (var c = 0; c < channels; c++)
        {
            inverse[c] = T.One / T.Sqrt(variance[c] + T.CreateChecked(epsilon));
        }

        for (var row = 0; row < input.Rows; row++)
        {
            var x = input.RowPointer(row);
            var y = output.RowPointer(row);
            if (_pixels == 1)
            {
                Kernels.Map(default(Subtract), x, mean, y, channels);
                Kernels.Map(default(Multiply), y, inverse, y, channels);
                Kernels.Map(default(Multiply), y, weight, y, channels);
                Kernels.Map(default(Add), y, bias, y, channels);
                continue;
            }

            for (var c = 0; c < channels; c++)
            {
                var place = (nint)c * _pixels;
                Kernels.Map(new Normalize<T>(mean[c], inverse[c], weight[c], bias[c]), x + place, y + place, _pixels);
            }
        }
    }

    /// <summary>Per channel the sum over a shard: row sums over the pixels, samples chained ascending from zero.</summary>
    private void Sum(Matrix<T> a, T* destination)
    {
        var sums = _sums.Rows(a.Rows);
        Kernels.ChannelSums(a, channels, sums);
        Chain(sums, destination);
    }

    /// <summary>The same of products, each fused into its lane.</summary>
    private void SumDots(Matrix<T> a, Matrix<T> b, T* destination)
    {
        var sums = _sums.Rows(a.Rows);
        Kernels.ChannelDots(a, b, channels, sums);
        Chain(sums, destination);
    }

    private void Chain(Matrix<T> sums, T* destination)
    {
        new Span<T>(destination, channels).Clear();
        for (var row = 0; row < sums.Rows; row++)
        {
            Kernels.AddInPlace(destination, sums.RowPointer(row), channels);
        }
    }
}
