using DistTrain.Core.Kernels;
using DistTrain.Core.Tensors;

namespace DistTrain.Bench.Kernels;

/// <summary>One kernel at one shape: what both ways of measuring take from <see cref="Catalog"/>.</summary>
/// <param name="Group">The table it belongs to.</param>
/// <param name="Kernel">The table's row.</param>
/// <param name="Variant">The table's column.</param>
/// <param name="Limit">What the machine can do at most.</param>
/// <param name="Work">Of one call, in the limit's unit: multiply-adds that somebody wants, counted as two, or bytes that must move.</param>
/// <param name="Prepare">Makes operands on the bench and returns the call; it may be repeated any number of times.</param>
internal sealed record KernelCase(
    string Group, string Kernel, string Variant, Limit Limit, double Work, Func<Kernels<float>, Workbench, Action> Prepare)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Group}: {Kernel}, {Variant}";
}

/// <summary>Owns the memory of one case.</summary>
internal sealed class Workbench : IDisposable
{
    private readonly Stack<IDisposable> _owned = new();

    public T Own<T>(T resource)
        where T : IDisposable
    {
        _owned.Push(resource);
        return resource;
    }

    /// <summary>Numbers from −0.5 to 0.5, some of them 0.</summary>
    public AlignedBuffer<float> Filled(int length)
    {
        var buffer = Own(new AlignedBuffer<float>(length));
        var values = buffer.Span;
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (((i * 7919L) % 1000) - 500) / 1000f;
        }

        return buffer;
    }

    /// <summary>Rows as the layers lay them out.</summary>
    public unsafe Matrix<float> Rows(int rows, int columns)
    {
        var stride = RowLayout.StrideFor(columns);
        return new Matrix<float>(Filled(checked(rows * stride)).Pointer, rows, columns, stride);
    }

    /// <summary>The buffers of a fold plan with one node.</summary>
    public unsafe float** OneNode(int length)
    {
        var nodes = Own(new AlignedBuffer<nint>(1));
        nodes.Span[0] = (nint)Filled(length).Pointer;
        return (float**)nodes.Pointer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_owned.TryPop(out var resource))
        {
            resource.Dispose();
        }
    }
}

/// <summary>All cases, by group.</summary>
internal static class Catalog
{
    public static IReadOnlyDictionary<string, IReadOnlyList<KernelCase>> Groups { get; } = new Dictionary<string, IReadOnlyList<KernelCase>>
    {
        [ProductCases.Group] = [.. ProductCases.All()],
        [ConvolutionCases.Group] = [.. ConvolutionCases.All()],
        [MemoryCases.Group] = [.. MemoryCases.All()],
        [Ladder.Group] = [.. Ladder.All()],
    };
}
