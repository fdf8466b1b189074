using System.Numerics;

namespace DistTrain.Core.Layers;

/// <summary>A layer that can rectify what it gives while it makes it.</summary>
internal interface IRectifiesOutput
{
    /// <summary>From now on the forward pass gives <c>y &lt;= 0 ? 0 : y</c> for each result y.</summary>
    void RectifyOutput();
}

/// <summary>A layer that can apply the derivative of a rectifier before it to the gradient by its input while it makes that.</summary>
internal interface IAppliesRectifierBefore
{
    /// <summary>From now on, as the input comes from a rectifier, the backward pass gives 0 where the input is at most 0.</summary>
    void ApplyRectifierBefore();
}

/// <summary>An activation that may be a rectifier, <c>x &lt;= 0 ? 0 : x</c>, whose work its neighbours can do.</summary>
internal interface IRectifier
{
    /// <summary>Whether it is one.</summary>
    bool IsRectifier { get; }

    /// <summary>Whether the neighbours do all of its work.</summary>
    bool IsPassedOn { get; }

    /// <summary>From now on what comes forward is rectified already: pass it on.</summary>
    void ExpectRectifiedInput();

    /// <summary>From now on what comes back has the derivative applied: pass it on.</summary>
    void ExpectRectifiedGradient();
}

/// <summary>
/// Lets the neighbours of a rectifier do its work where they write anyway, instead of one more pass over memory: the same operations on the same
/// elements, so not a bit changes.
/// </summary>
internal static class RectifierFusion
{
    /// <summary>Tells each rectifier in <paramref name="layers"/> and its neighbours who does what.</summary>
    public static void Apply<T>(IReadOnlyList<Layer<T>> layers)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (var i = 0; i < layers.Count; i++)
        {
            if (layers[i] is not IRectifier { IsRectifier: true } rectifier)
            {
                continue;
            }

            if (i > 0 && layers[i - 1] is IRectifiesOutput before)
            {
                before.RectifyOutput();
                rectifier.ExpectRectifiedInput();
            }

            if (i + 1 < layers.Count && layers[i + 1] is IAppliesRectifierBefore after)
            {
                after.ApplyRectifierBefore();
                rectifier.ExpectRectifiedGradient();
            }
        }
    }
}
