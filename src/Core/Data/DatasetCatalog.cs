namespace DistTrain.Core.Data;

/// <summary>The datasets the program knows.</summary>
public static class DatasetCatalog
{
    /// <summary>MNIST. The order of its files is training images, training labels, test images, test labels.</summary>
    public static DatasetEntry Mnist { get; } = new(
        "mnist",
        "MNIST: 60,000 + 10,000 handwritten digits, 28 x 28 (LeCun, Cortes, Burges; CC BY-SA 3.0)",
        [
            new("train-images-idx3-ubyte", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            new("train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            new("t10k-images-idx3-ubyte", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            new("t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        ],
        [
            new("https://ossci-datasets.s3.amazonaws.com/mnist/"),
            new("https://storage.googleapis.com/cvdf-datasets/mnist/"),
        ]);

    /// <summary>The digits of <see cref="SyntheticDigits"/>.</summary>
    public static DatasetEntry Synthetic { get; } = new(
        "synthetic",
        "Synthetic: 60,000 + 10,000 digits, 28 x 28, drawn by this program; needs no file and no network",
        [],
        []);

    /// <summary>Every entry, the default first.</summary>
    public static IReadOnlyList<DatasetEntry> All { get; } = [Mnist, Synthetic];

    /// <summary>The entry of this name; case counts.</summary>
    /// <exception cref="InvalidInputException">No dataset has this name.</exception>
    public static DatasetEntry Find(string name) =>
        All.FirstOrDefault(entry => entry.Name == name)
        ?? throw new InvalidInputException(
            $"There is no dataset '{name}'. Use --dataset with one of: {string.Join(", ", All.Select(entry => entry.Name))}.");
}
