using System.Numerics;
using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Layers;

/// <summary>Where a backward pass leaves its parameter gradients: for each node of the plan a flat buffer in the model's layout.</summary>
/// <typeparam name="T">The element type.</typeparam>
public readonly unsafe struct GradientFold<T>(FoldPlan plan, T** nodeBuffers)
    where T : unmanaged
{
    /// <summary>Rows, shards and nodes.</summary>
    public FoldPlan Plan { get; } = plan;

    /// <summary>One buffer per node.</summary>
    public T** NodeBuffers { get; } = nodeBuffers;
}

/// <summary>
/// One step of a network: constructor, forward, backward. A row of its input is a sample. A layer owns the memory of its results, which stay
/// valid until its next call; it serves one thread. Rows lie <see cref="RowLayout.StrideFor"/> elements apart, as in a <see cref="RowBuffer{T}"/>: layers
/// work on whole rows with their padding.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
public abstract unsafe class Layer<T>(Kernels<T> kernels, Shape inputShape, Shape outputShape) : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>One sample's input.</summary>
    public Shape InputShape { get; } = inputShape;

    /// <summary>One sample's output.</summary>
    public Shape OutputShape { get; } = outputShape;

    /// <summary>What the layer computes with.</summary>
    protected Kernels<T> Kernels { get; } = kernels;

    /// <summary>
    /// Takes over new parameter values. Called before the first forward pass and after every update; layers without parameters ignore it.
    /// </summary>
    /// <param name="parameters">The model's flat buffer, parameters and then buffers; it stays valid and unchanged until the next call.</param>
    public virtual void UseParameters(T* parameters)
    {
    }

    /// <summary>(rows, input) → (rows, output)</summary>
    /// <param name="input">(rows, input); unchanged, and still what it was when the backward pass comes.</param>
    /// <param name="pass">What it is for.</param>
    public abstract Matrix<T> Forward(Matrix<T> input, in ForwardPass pass);

    /// <summary>
    /// From the gradient of the loss sum by this layer's output, (rows, output), to that by its input, (rows, input), and by its parameters.
    /// The gradient passed in may be overwritten, and returned; nothing else that is not the layer's own may.
    /// </summary>
    /// <param name="outputGradient">(rows, output)</param>
    /// <param name="gradients">Where the parameter gradients go.</param>
    /// <param name="inputGradientWanted">False for the first layer: nobody reads it, the result is then empty.</param>
    public abstract Matrix<T> Backward(Matrix<T> outputGradient, in GradientFold<T> gradients, bool inputGradientWanted);

    /// <summary>
    /// Appends to <paramref name="branches"/> which branch each element of the last forward pass took, for a layer whose derivative jumps: at such a
    /// kink no numerical gradient exists. Default: nothing, the layer is smooth.
    /// </summary>
    public virtual void AppendBranches(System.IO.Hashing.XxHash128 branches)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the layer owns.</summary>
    protected abstract void Dispose(bool disposing);
}
