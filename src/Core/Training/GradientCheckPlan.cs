using DistTrain.Core.Models;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>The elements of one tensor that a gradient check looks at.</summary>
/// <param name="Slot">The tensor.</param>
/// <param name="Candidates">In the order they are taken, counted in the flat buffer.</param>
/// <param name="WantedCount">How many are enough; those at a kink do not count.</param>
internal sealed record GradientCheckElements(TensorSlot Slot, IReadOnlyList<int> Candidates, int WantedCount);

/// <summary>
/// How much of a model a gradient check looks at: all of it where that takes seconds, else as many elements of each tensor as about a minute allows.
/// </summary>
/// <param name="SampleCount">The samples of the batch.</param>
/// <param name="LargestWholeTensor">Tensors of up to so many elements are checked at each.</param>
/// <param name="SampledElements">How many elements of a larger tensor are checked.</param>
public sealed record GradientCheckPlan(int SampleCount, int LargestWholeTensor, int SampledElements)
{
    private const int MostOfWholeTensor = 10_000;
    private const int MostSampled = 200;
    private const int FewestSampled = 2;

    /// <summary>Candidates for each element that is wanted: in a deep network of ReLUs most intervals cross some kink.</summary>
    private const int CandidatesPerElement = 50;

    /// <summary>Multiplications with an addition that all forward passes together may take: about a minute of the reference kernels.</summary>
    private const double Budget = 3e10;

    /// <summary>The plan for a model.</summary>
    public static GradientCheckPlan For(ModelSpec model)
    {
        var chain = model.Chain();
        var samples = chain.MultiplyAdds switch { <= 10_000_000 => 8, <= 1_000_000_000 => 2, _ => 1 };
        var evaluations = Budget / Math.Max(1, samples * (double)chain.MultiplyAdds);
        var perTensor = (int)Math.Clamp(evaluations / 2 / chain.Parameters().Count(), FewestSampled, MostOfWholeTensor);
        return new GradientCheckPlan(samples, perTensor, Math.Min(perTensor, MostSampled));
    }

    /// <summary>All elements of small tensors; of a large one, distinct seeded ones.</summary>
    internal IReadOnlyList<GradientCheckElements> Choose(ParameterLayout layout, ulong seed)
    {
        var chosen = new List<GradientCheckElements>();
        for (var i = 0; i < layout.ParameterSlots.Count; i++)
        {
            var slot = layout.ParameterSlots[i];
            if (slot.Length <= LargestWholeTensor)
            {
                chosen.Add(new GradientCheckElements(slot, [.. Enumerable.Range(slot.Offset, slot.Length)], slot.Length));
                continue;
            }

            var random = new RandomStream(seed, RandomPurpose.GradientCheck, layer: i);
            var (candidates, known) = (new List<int>(), new HashSet<int>());
            for (var draw = 0; candidates.Count < Math.Min(CandidatesPerElement * SampledElements, slot.Length); draw++)
            {
                var element = slot.Offset + random.Below(draw, slot.Length);
                if (known.Add(element))
                {
                    candidates.Add(element);
                }
            }

            chosen.Add(new GradientCheckElements(slot, candidates, SampledElements));
        }

        return chosen;
    }
}
