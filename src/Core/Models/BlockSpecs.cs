using DistTrain.Core.Kernels;
using DistTrain.Core.Layers;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Models;

/// <summary>A layer made of chains of others, each from the same input. Its tensors are named <c>path.index.name</c>.</summary>
public abstract record BlockSpec : LayerSpec
{
    /// <summary>Blocks inside of blocks: deeper than this, JSON that holds the model could be written, but not read.</summary>
    public const int MaximumDepth = 16;

    /// <inheritdoc/>
    public override int LayerCount() => 1 + Paths().Sum(path => path.Layers.Sum(layer => layer.LayerCount()));

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Shape Shape)> Parameters(Shape input) =>
        [.. Chains(input).SelectMany(path => path.Chain.Parameters().Select(p => ($"{path.Name}.{p.Name}", p.Shape)))];

    /// <inheritdoc/>
    public override IReadOnlyList<BufferSpec> Buffers(Shape input) =>
        [.. Chains(input).SelectMany(path => path.Chain.Buffers().Select(b => b with { Name = $"{path.Name}.{b.Name}" }))];

    /// <inheritdoc/>
    public override void Initialize(Span<float> values, string name, Shape input, ulong seed, int layer)
    {
        var first = layer + 1;
        foreach (var (path, chain) in Chains(input))
        {
            if (name.StartsWith(path + '.', StringComparison.Ordinal))
            {
                chain.Initialize(values, name[(path.Length + 1)..], seed, first);
                return;
            }

            first += chain.LayerCount;
        }

        throw new ArgumentException($"There is no tensor {name} in this block.", nameof(name));
    }

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape input) => Chains(input).Sum(path => path.Chain.MultiplyAdds);

    /// <inheritdoc/>
    public override string? ReasonNotToTrain() =>
        Paths().SelectMany(path => path.Layers).Select(layer => layer.ReasonNotToTrain()).FirstOrDefault(reason => reason is not null);

    /// <inheritdoc/>
    public override int? StatisticSize(Shape input) => Chains(input).Min(path => path.Chain.SmallestStatisticSize);

    /// <summary>How many blocks lie inside of each other here, itself included: 1 for one of plain layers.</summary>
    internal int Depth() => 1 + Paths().SelectMany(path => path.Layers ?? []).OfType<BlockSpec>().Select(block => block.Depth()).DefaultIfEmpty().Max();

    /// <summary>The paths by name, in the order of their tensors.</summary>
    public abstract IReadOnlyList<(string Name, IReadOnlyList<LayerSpec> Layers)> Paths();

    /// <summary>The paths, put together.</summary>
    public IReadOnlyList<(string Name, LayerChain Chain)> Chains(Shape input) =>
        [.. Paths().Select(path => (path.Name, new LayerChain(path.Layers, input, $"{path.Name} layer")))];

    /// <summary>The paths, built.</summary>
    protected IReadOnlyList<(LayerSequence<T> Path, Shape Output)> BuildPaths<T>(Kernels<T> kernels, Shape input, in LayerPlace place)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        var built = new List<(LayerSequence<T>, Shape)>();
        var (number, parameter, buffer) = (place.Layer + 1, 0, 0);
        foreach (var (_, chain) in Chains(input))
        {
            var (parameters, buffers) = (chain.Parameters().Count(), chain.Buffers().Count());
            var own = new LayerPlace(number, place.ParameterOffsets.Slice(parameter, parameters), place.BufferOffsets.Slice(buffer, buffers));
            built.Add((chain.Build(kernels, own), chain.Output));
            number += chain.LayerCount;
            parameter += parameters;
            buffer += buffers;
        }

        return built;
    }
}

/// <summary><see cref="Residual{T}"/></summary>
/// <param name="Main">The layers of the main path, at least one.</param>
/// <param name="Shortcut">The projection where input and output differ in shape; null for the input itself.</param>
public sealed record ResidualSpec(IReadOnlyList<LayerSpec> Main, IReadOnlyList<LayerSpec>? Shortcut = null) : BlockSpec
{
    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, IReadOnlyList<LayerSpec> Layers)> Paths() => [("main", Main ?? []), ("shortcut", Shortcut ?? [])];

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        if (Main is not { Count: > 0 })
        {
            throw new InvalidInputException("main must name at least one layer.");
        }

        var chains = Chains(input);
        var (main, shortcut) = (chains[0].Chain.Output, chains[1].Chain.Output);
        return main.Equals(shortcut)
            ? main
            : throw new InvalidInputException(
                $"the main path gives {main} and the shortcut {shortcut}, which cannot be added. "
                + "Give the shortcut a projection of the same shape, for example a 1 x 1 convolution with the main path's filters and stride.");
    }

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place)
    {
        var paths = BuildPaths(kernels, input, place);
        return new Residual<T>(kernels, input, paths[0].Output, paths[0].Path, paths[1].Path);
    }
}

/// <summary><see cref="Parallel{T}"/></summary>
/// <param name="Branches">The paths, at least one; an empty one passes its input on.</param>
public sealed record ParallelSpec(IReadOnlyList<IReadOnlyList<LayerSpec>> Branches) : BlockSpec
{
    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, IReadOnlyList<LayerSpec> Layers)> Paths() => [.. (Branches ?? []).Select((layers, i) => ($"branches.{i}", layers))];

    /// <inheritdoc/>
    public override Shape OutputShape(Shape input)
    {
        if (Branches is not { Count: > 0 } || Branches.Contains(null!))
        {
            throw new InvalidInputException("branches must name at least one path, each a list of layers.");
        }

        var outputs = Chains(input).Select(path => path.Chain.Output).ToList();
        var first = outputs[0];
        if (outputs.Exists(output => output.Rank != first.Rank || !output.Dimensions[1..].SequenceEqual(first.Dimensions[1..])))
        {
            throw new InvalidInputException($"the branches give {string.Join(", ", outputs)}; they may differ in their channels only, the first dimension.");
        }

        if (outputs.Sum(output => (long)output.Size) > int.MaxValue)
        {
            throw new InvalidInputException($"the branches give {string.Join(", ", outputs)}, together more than {int.MaxValue} elements.");
        }

        int[] dimensions = [.. first.Dimensions];
        dimensions[0] = outputs.Sum(output => output[0]);
        return new Shape(dimensions);
    }

    /// <inheritdoc/>
    public override Layer<T> Build<T>(Kernels<T> kernels, Shape input, in LayerPlace place) => new Parallel<T>(
        kernels, input, OutputShape(input), [.. BuildPaths(kernels, input, place).Select(path => (path.Path, path.Output.Size))]);
}
