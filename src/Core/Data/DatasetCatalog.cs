namespace DistTrain.Core.Data;

/// <summary>The datasets the program knows by name. Others are named by where they lie: <see cref="DatasetPath"/>.</summary>
public static class DatasetCatalog
{
    /// <summary>The <see cref="Dataset.Digest"/> of files with the content that <see cref="Mnist"/> pins.</summary>
    internal const string MnistDigest = "80a9bb574aefcf4ae92b3accfe0e334812ea4df28794fc041ec8601a38c6ccf5";

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
        ])
    {
        Read = directory => DatasetDirectory.LoadMnist(directory),
    };

    /// <summary>The digits of <see cref="SyntheticDigits"/>.</summary>
    public static DatasetEntry Synthetic { get; } = new(
        "synthetic",
        "Synthetic: 60,000 + 10,000 digits, 28 x 28, drawn by this program; needs no file and no network",
        [],
        [])
    {
        Make = (train, test) => SyntheticDigits.Create(train ?? SyntheticDigits.TrainCount, test ?? SyntheticDigits.TestCount),
    };

    /// <summary>MNIST's file names, in the order of <see cref="Mnist"/>, with any content.</summary>
    internal static IReadOnlyList<DatasetFile> MnistNames { get; } = [.. Mnist.Files.Select(file => new DatasetFile(file.Name))];

    /// <summary>Every entry, the default first.</summary>
    public static IReadOnlyList<DatasetEntry> All => Entries;

    private static readonly List<DatasetEntry> Entries =
    [
        Mnist,
        Synthetic,
        Idx("fashion-mnist", "Fashion-MNIST: 60,000 + 10,000 articles of clothing, 28 x 28 (Xiao, Rasul, Vollgraf; MIT)", MnistNames, new IdxLayout(10)),
        Idx("kmnist", "Kuzushiji-MNIST: 60,000 + 10,000 cursive characters, 28 x 28 (Clanuwat et al.; CC BY-SA 4.0)", MnistNames, new IdxLayout(10)),
        Emnist("balanced", "112,800 + 18,800 letters and digits of 47 classes", new IdxLayout(47, IsTransposed: true)),
        Emnist("letters", "124,800 + 20,800 letters of 26 classes", new IdxLayout(26, FirstLabel: 1, IsTransposed: true)),
        Emnist("digits", "240,000 + 40,000 digits", new IdxLayout(10, IsTransposed: true)),
        new(
            "cifar-10",
            "CIFAR-10, binary version: 50,000 + 10,000 colour images of 10 classes, 3 x 32 x 32 (Krizhevsky)",
            [.. Cifar10Reader.TrainFiles.Append(Cifar10Reader.TestFile).Select(name => new DatasetFile(name))],
            [])
        {
            Read = Cifar10Reader.Load,
        },
        .. LogicGates.Names.Select(name => new DatasetEntry(
            name, $"The truth table of {name["gate-".Length..].ToUpperInvariant()}: four samples of two inputs, training and test set alike", [], [])
        {
            Make = (_, _) => LogicGates.Create(name),
        }),
    ];

    /// <summary>Adds a dataset of your own to the names; in a program of yours, before anything else.</summary>
    /// <exception cref="InvalidOperationException">The name is taken.</exception>
    public static void Add(DatasetEntry entry)
    {
        if (Entries.Exists(known => known.Name == entry.Name))
        {
            throw new InvalidOperationException($"There is a dataset '{entry.Name}' already.");
        }

        Entries.Add(entry);
    }

    /// <summary>The entry of this name; case counts.</summary>
    /// <exception cref="InvalidInputException">No dataset has this name.</exception>
    public static DatasetEntry Find(string name) =>
        All.FirstOrDefault(entry => entry.Name == name)
        ?? throw new InvalidInputException(
            $"There is no dataset '{name}'. Use --dataset with one of: {string.Join(", ", All.Select(entry => entry.Name))}; or with {DatasetPath.Forms}.");

    private static DatasetEntry Emnist(string split, string description, IdxLayout layout) => Idx(
        $"emnist-{split}",
        $"EMNIST: {description}, 28 x 28 (Cohen, Afshar, Tapson, van Schaik; public domain)",
        [.. ((string[])["train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"]).Select(
            part => new DatasetFile($"emnist-{split}-{part}-ubyte"))],
        layout);

    private static DatasetEntry Idx(string name, string description, IReadOnlyList<DatasetFile> files, IdxLayout layout) =>
        new(name, description, files, []) { Read = directory => DatasetDirectory.LoadIdx(name, directory, files, layout) };
}
