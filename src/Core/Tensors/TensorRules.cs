using System.Globalization;
using System.Runtime.InteropServices;

namespace DistTrain.Core.Tensors;

/// <summary>Where two tensors of the same name and shape differ, bit by bit.</summary>
/// <param name="Tensor">Its name.</param>
/// <param name="Element">The first element that differs, as Python indexes it: <c>0.weight[3, 17]</c>.</param>
/// <param name="Index">Its place in the flat tensor.</param>
/// <param name="ValueA">Its value in the first set.</param>
/// <param name="ValueB">Its value in the second.</param>
/// <param name="DifferentCount">How many elements differ.</param>
/// <param name="ElementCount">Of how many.</param>
/// <param name="LargestDistance">The largest |a − b| over the tensor; NaN if one of them is.</param>
public sealed record TensorDifference(
    string Tensor, string Element, int Index, float ValueA, float ValueB, int DifferentCount, int ElementCount, double LargestDistance);

/// <summary>Compares the tensors of two models.</summary>
public static class TensorRules
{
    /// <summary>The first tensor by which two layouts differ, for example <c>2.weight: (10, 32) in A, (10, 16) in B</c>.</summary>
    /// <returns>Null if they are equal.</returns>
    public static string? LayoutDifference(ParameterLayout first, ParameterLayout second)
    {
        for (var i = 0; i < Math.Max(first.Slots.Count, second.Slots.Count); i++)
        {
            var (a, b) = (first.Slots.ElementAtOrDefault(i), second.Slots.ElementAtOrDefault(i));
            if (a != b)
            {
                return a?.Name == b?.Name ? $"{a!.Name}: {a.Shape} in A, {b!.Shape} in B" : $"tensor {i}: {Show(a)} in A, {Show(b)} in B";
            }
        }

        return null;

        static string Show(TensorSlot? slot) => slot is null ? "nothing" : $"{slot.Name} {slot.Shape}";
    }

    /// <summary>The tensors that differ in any bit, in the model's order.</summary>
    /// <exception cref="ArgumentException">The layouts differ.</exception>
    public static IReadOnlyList<TensorDifference> Differences(ParameterSet first, ParameterSet second)
    {
        if (LayoutDifference(first.Layout, second.Layout) is { } difference)
        {
            throw new ArgumentException($"Tensors of two layouts cannot be compared: {difference}.", nameof(second));
        }

        return [.. first.Layout.Slots.Select(slot => Difference(slot, first.View(slot), second.View(slot))).OfType<TensorDifference>()];
    }

    private static TensorDifference? Difference(TensorSlot slot, ReadOnlySpan<float> first, ReadOnlySpan<float> second)
    {
        // NaN is equal to the same NaN here, and +0 is not −0.
        var a = MemoryMarshal.Cast<float, int>(first);
        var b = MemoryMarshal.Cast<float, int>(second);
        var index = a.CommonPrefixLength(b);
        if (index == a.Length)
        {
            return null;
        }

        var (count, largest) = (0, 0d);
        for (var i = index; i < a.Length; i++)
        {
            if (a[i] != b[i])
            {
                count++;
                largest = Math.Max(largest, Math.Abs((double)first[i] - second[i]));
            }
        }

        return new TensorDifference(slot.Name, Element(slot, index), index, first[index], second[index], count, a.Length, largest);
    }

    private static string Element(TensorSlot slot, int index)
    {
        var place = new int[slot.Shape.Rank];
        for (var i = slot.Shape.Rank - 1; i >= 0; i--)
        {
            (index, place[i]) = Math.DivRem(index, slot.Shape[i]);
        }

        return $"{slot.Name}[{string.Join(", ", place.Select(at => at.ToString(CultureInfo.InvariantCulture)))}]";
    }
}
