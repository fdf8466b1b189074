using System.Globalization;

namespace DistTrain.Core.Data;

/// <summary>
/// How the images of a training step are moved, each by its own random amounts; nothing in an evaluation. See <see cref="Augmentation"/> for the
/// formulas.
/// </summary>
/// <param name="Shift">Whole pixels, uniform in [−Shift, Shift] along each axis; default 0.</param>
/// <param name="RotationDegrees">Degrees about the centre, uniform in [−r, r]; 0 to 180, default 0.</param>
/// <param name="HorizontalFlip">Whether every second image, by chance, is mirrored left to right; default false.</param>
public sealed record AugmentationSpec(int Shift = 0, float RotationDegrees = 0, bool HorizontalFlip = false)
{
    /// <summary>The largest rotation: all angles.</summary>
    public const float MaximumRotationDegrees = 180;

    /// <summary>Checks it against the samples it is for.</summary>
    /// <param name="shape">(channels, height, width).</param>
    /// <exception cref="InvalidInputException">A number is out of range, or the samples are no images.</exception>
    public void Validate(IReadOnlyList<int> shape)
    {
        var (height, width) = (shape[1], shape[2]);
        if (height == 1 || width == 1)
        {
            throw new InvalidInputException($"Augmentation moves images, but the samples have the shape ({string.Join(", ", shape)}): leave it out.");
        }

        var side = Math.Min(height, width);
        if (Shift < 0 || Shift >= side)
        {
            throw new InvalidInputException($"The augmentation's shift is {Shift}; it must be from 0 to {side - 1} pixels for images of {height} x {width}.");
        }

        if (!(RotationDegrees is >= 0 and <= MaximumRotationDegrees))
        {
            throw new InvalidInputException(string.Create(
                CultureInfo.InvariantCulture, $"The augmentation's rotation is {RotationDegrees}; it must be from 0 to {MaximumRotationDegrees} degrees."));
        }
    }
}
