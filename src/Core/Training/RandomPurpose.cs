namespace DistTrain.Core.Training;

/// <summary>
/// What random values are for: part of their key, so that no two uses ever share a value. The numbers are part of the same-bits promise:
/// they are never changed or reused.
/// </summary>
public enum RandomPurpose
{
    /// <summary>Not a purpose; <see cref="RandomStream"/> refuses it.</summary>
    None = 0,

    /// <summary>The order of an epoch's samples.</summary>
    Permutation = 1,

    /// <summary>Initial weights.</summary>
    Weights = 2,

    /// <summary>Dropout masks.</summary>
    Dropout = 3,

    /// <summary>Augmentation of the input.</summary>
    Augmentation = 4,

    /// <summary>The built-in synthetic dataset.</summary>
    SyntheticDigits = 5,

    /// <summary>Which elements a gradient check compares.</summary>
    GradientCheck = 6,

    /// <summary>Which nodes two workers compute: changes no bit of a result.</summary>
    Audit = 7,

    /// <summary>Which samples are held out of a training set for validation.</summary>
    Holdout = 8,

    /// <summary>The trials of a hyperparameter search.</summary>
    Search = 9,
}
