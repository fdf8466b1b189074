using DistTrain.Core.Data;

namespace DistTrain.Core.Training;

/// <summary>A validation split: see <see cref="Dataset.Split"/>.</summary>
/// <param name="Fraction">Of the training set that is held out, in (0, 1).</param>
/// <param name="Seed">Draws the samples.</param>
public sealed record HoldoutSpec(double Fraction, ulong Seed)
{
    /// <summary>The dataset of which the training set is what is left and the test set what is held out.</summary>
    /// <exception cref="InvalidInputException">The training set is too small for it.</exception>
    public Dataset Apply(Dataset whole) => whole.Split(Fraction, Seed);
}
