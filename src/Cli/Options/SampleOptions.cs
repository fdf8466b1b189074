using DistTrain.Core.Data;
using DistTrain.Core.Models;

namespace DistTrain.Cli.Options;

/// <summary>What is done to samples before a network sees them.</summary>
public static class SampleOptions
{
    /// <summary>--normalize</summary>
    public static readonly Setting<NormalizationSpec> Normalize = new(
        "--normalize",
        "MEAN:STD",
        "Every element x of a sample becomes (x - MEAN) / STD, as part of the model; one number each, or one for each channel (M,M,M:S,S,S). Default: as it is.",
        NormalizationSpec.Parse);

    /// <summary>--augment-shift</summary>
    public static readonly Setting<int> AugmentShift = Settings.Count(
        "--augment-shift", "Move each training image by up to N whole pixels along each axis. Default 0.", 0, IdxReader.MaximumImageSide);

    /// <summary>--augment-rotation</summary>
    public static readonly Setting<double> AugmentRotation = Settings.Number(
        "--augment-rotation", "Turn each training image by up to X degrees, 0 to 180. Default 0.", x => x is >= 0 and <= AugmentationSpec.MaximumRotationDegrees, "from 0 to 180");

    /// <summary>--augment-flip</summary>
    public static readonly Setting<bool> AugmentFlip = Settings.Flag("--augment-flip", "Mirror every second training image, by chance, left to right.");

    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<Setting> All = [Normalize, AugmentShift, AugmentRotation, AugmentFlip];
}
