using DistTrain.Core.Data;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Data;

/// <summary>A dataset, and where it came from.</summary>
/// <param name="Dataset">The data.</param>
/// <param name="Origin">One sentence for people.</param>
public sealed record ResolvedDataset(Dataset Dataset, string Origin)
{
    private (HoldoutSpec Holdout, ResolvedDataset Split)? _last;

    /// <summary>The same with part of its training set in place of the test set; itself if nothing is to be held out.</summary>
    /// <exception cref="Core.InvalidInputException">The training set is too small for it.</exception>
    public ResolvedDataset HoldOut(HoldoutSpec? holdout)
    {
        if (holdout is null)
        {
            return this;
        }

        // A search asks for the same split again and again.
        if (_last is { } last && last.Holdout == holdout)
        {
            return last.Split;
        }

        var split = holdout.Apply(Dataset);
        var resolved = new ResolvedDataset(split, FormattableString.Invariant(
            $"{Origin} {split.Test.Count} of its {Dataset.Train.Count} training samples, drawn with seed {holdout.Seed}, are held out and stand in place of its test set."));
        _last = (holdout, resolved);
        return resolved;
    }
}
