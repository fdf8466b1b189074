using DistTrain.Core.Data;
using DistTrain.Core.Tensors;

namespace DistTrain.Core.Training;

/// <summary>The dataset of a run: its name for people, its digest for proof, and the sizes that the plan of steps follows from.</summary>
/// <param name="Name">For example <c>mnist</c>.</param>
/// <param name="Digest">SHA-256 of the content: see <see cref="Dataset.Digest"/>.</param>
/// <param name="TrainCount">Samples in the training set.</param>
/// <param name="TestCount">Samples in the test set.</param>
/// <param name="SampleSize">Elements of one sample.</param>
/// <param name="ClassCount">Classes.</param>
/// <param name="Shape">
/// One sample's (channels, height, width); null, as most are written, for a square grey image, or for <paramref name="SampleSize"/> numbers if
/// that is no square: see <see cref="SampleShape"/>.
/// </param>
/// <param name="Elements">What an element is; null for bytes.</param>
/// <param name="Holdout">How the two sets were drawn from the training set of the dataset of that name; null if they are its own.</param>
public sealed record DatasetSpec(
    string Name,
    string Digest,
    int TrainCount,
    int TestCount,
    int SampleSize,
    int ClassCount,
    IReadOnlyList<int>? Shape = null,
    ElementKind? Elements = null,
    HoldoutSpec? Holdout = null)
{
    private const int ImageRank = 3;

    /// <summary>The description of a dataset.</summary>
    public static DatasetSpec Of(Dataset dataset)
    {
        var images = dataset.Train;
        int[] shape = [images.Channels, images.Height, images.Width];
        return new DatasetSpec(
            dataset.Name,
            dataset.Digest,
            images.Count,
            dataset.Test.Count,
            images.ImageSize,
            images.ClassCount,
            shape.SequenceEqual(UsualShape(images.ImageSize)) ? null : shape,
            images.ElementKind == ElementKind.Byte ? null : images.ElementKind);
    }

    /// <summary>One sample's (channels, height, width), said or usual.</summary>
    public IReadOnlyList<int> SampleShape() => Shape ?? UsualShape(SampleSize);

    /// <summary>Bytes of one element.</summary>
    public int ElementBytes() => LabeledImages.BytesOf(Elements ?? ElementKind.Byte);

    /// <summary>
    /// Refuses a model whose input is another: the number of elements differs, or the model takes images (three dimensions) and the dataset says
    /// that its images have another shape.
    /// </summary>
    /// <param name="model">The model's name.</param>
    /// <param name="input">The shape of its input.</param>
    /// <exception cref="InvalidInputException">They do not fit; the message names both shapes.</exception>
    public void RequireFit(string model, Shape input)
    {
        if (input.Size != SampleSize)
        {
            throw new InvalidInputException($"{Both()}: {input.Size} and {SampleSize} elements.");
        }

        if (Shape is not null && input.Rank == ImageRank && !input.Dimensions.SequenceEqual([.. Shape]))
        {
            throw new InvalidInputException($"{Both()}.");
        }

        string Both() => $"Model {model} takes samples of shape {input}, but {Name} has ({string.Join(", ", SampleShape())})";
    }

    /// <summary>Checks what the members say of each other.</summary>
    /// <exception cref="InvalidInputException">They contradict each other.</exception>
    public void Validate()
    {
        if (Shape is not null && (Shape.Count != ImageRank || Shape.Any(size => size < 1) || Shape.Aggregate((Int128)1, (product, size) => product * size) != SampleSize))
        {
            throw new InvalidInputException(
                $"The dataset {Name} is said to have samples of shape ({string.Join(", ", Shape)}); it must be (channels, height, width) with {SampleSize} elements.");
        }

        if (Elements is { } kind && !Enum.IsDefined(kind))
        {
            throw new InvalidInputException($"The dataset {Name} is said to have elements of an unknown kind.");
        }
    }

    /// <summary>By value, the shape's dimensions too.</summary>
    public bool Equals(DatasetSpec? other) =>
        other is not null
        && (Name, Digest, TrainCount, TestCount, SampleSize, ClassCount, Elements, Holdout)
            == (other.Name, other.Digest, other.TrainCount, other.TestCount, other.SampleSize, other.ClassCount, other.Elements, other.Holdout)
        && (Shape is null ? other.Shape is null : other.Shape is not null && Shape.SequenceEqual(other.Shape));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Digest, TrainCount, TestCount, SampleSize, ClassCount);

    private static int[] UsualShape(int size)
    {
        var side = (int)Math.Sqrt(size);
        return side * side == size ? [1, side, side] : [1, 1, size];
    }
}
