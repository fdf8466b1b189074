using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary>
/// The description of one layer: a record whose members are the layer's JSON. To add one of your own, derive from it and register it with
/// <see cref="SpecCatalog.AddLayer{TSpec}"/>.
/// </summary>
public abstract record LayerSpec
{
    /// <summary>How many layers it is made of, itself included: more than 1 for a block. They are numbered in this order.</summary>
    public virtual int LayerCount() => 1;

    /// <summary>The parameters of the layer for samples of the given shape, with PyTorch's names and layouts.</summary>
    public virtual IReadOnlyList<(string Name, Shape Shape)> Parameters(Shape input) => [];

    /// <summary>Its running statistics, with PyTorch's names and layouts.</summary>
    public virtual IReadOnlyList<BufferSpec> Buffers(Shape input) => [];

    /// <summary>One sample's output.</summary>
    /// <exception cref="InvalidInputException">The layer cannot take such an input; the message names the shapes, not the layer.</exception>
    public virtual Shape OutputShape(Shape input) => input;

    /// <summary>Fills a parameter or a buffer with its initial values. Default: zeros.</summary>
    /// <param name="values">The tensor, in the layout of <see cref="Parameters"/> or <see cref="Buffers"/>.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="input">One sample's input.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="layer">The layer's number in the model: with the seed, the key of its random numbers.</param>
    public virtual void Initialize(Span<float> values, string name, Shape input, ulong seed, int layer) => values.Clear();

    /// <summary>Multiplications with an addition in the forward pass of one sample, products and convolutions only.</summary>
    public virtual long MultiplyAdds(Shape input) => 0;

    /// <summary>
    /// Elements of one sample that each statistic of a batch is over, in a layer that has such; null in all others. A shard of fewer than two elements
    /// has no variance.
    /// </summary>
    public virtual int? StatisticSize(Shape input) => null;

    /// <summary>Why a model with this layer cannot be trained; null if it can. Default: null.</summary>
    public virtual string? ReasonNotToTrain() => null;

    /// <summary>The layer itself.</summary>
    /// <param name="kernels">What it computes with.</param>
    /// <param name="input">One sample's input.</param>
    /// <param name="place">Where it is in the model, and its tensors in the flat buffer.</param>
    public abstract Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}

/// <summary>Where a layer is in its model.</summary>
/// <param name="layer">Its number: the key of its random numbers.</param>
/// <param name="parameterOffsets">Where each of <see cref="LayerSpec.Parameters"/> starts in the flat buffer, in the same order.</param>
/// <param name="bufferOffsets">Where each of <see cref="LayerSpec.Buffers"/> starts in the flat buffer, in the same order.</param>
public readonly ref struct LayerPlace(int layer, ReadOnlySpan<int> parameterOffsets, ReadOnlySpan<int> bufferOffsets)
{
    /// <summary>The layer's number.</summary>
    public int Layer { get; } = layer;

    /// <summary>Where each parameter starts in the flat buffer.</summary>
    public ReadOnlySpan<int> ParameterOffsets { get; } = parameterOffsets;

    /// <summary>Where each buffer starts in the flat buffer.</summary>
    public ReadOnlySpan<int> BufferOffsets { get; } = bufferOffsets;
}
