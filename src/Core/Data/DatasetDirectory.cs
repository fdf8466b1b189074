namespace DistTrain.Core.Data;

/// <summary>Datasets in files: <c>DIR/mnist/train-images-idx3-ubyte[.gz]</c> and so on.</summary>
public static class DatasetDirectory
{
    private const int MnistClassCount = 10;

    /// <summary>
    /// Loads MNIST, or another set of IDX files under MNIST's names.
    /// </summary>
    /// <param name="directory">The directory of the four files: <c>DIR/mnist</c>.</param>
    /// <param name="requirePinnedContent">
    /// True refuses content that differs from the published files. False takes any IDX files of ten classes, for tests and other sets.
    /// </param>
    /// <exception cref="InvalidInputException">A file is missing, damaged or not the published one.</exception>
    public static Dataset LoadMnist(string directory, bool requirePinnedContent = true)
    {
        var entry = DatasetCatalog.Mnist;
        // All four are looked up first: a missing small file should not be found after seconds of unpacking a large one.
        var paths = entry.Files.Select(file => Find(directory, file)).ToArray();
        var (train, test) = SideBySide(() => LoadPart(0), () => LoadPart(2));
        return new Dataset(entry.Name, train, test, requirePinnedContent ? DatasetCatalog.MnistDigest : null);

        LabeledImages LoadPart(int first) => IdxReader.Combine(
            Load(first, IdxReader.ImagesMagic), Load(first + 1, IdxReader.LabelsMagic), MnistClassCount);

        IdxFile Load(int index, uint magic)
        {
            var content = IdxReader.ReadFile(paths[index], magic);
            if (requirePinnedContent && content.Sha256 != entry.Files[index].Sha256)
            {
                throw new InvalidInputException(
                    $"'{paths[index]}' is a valid IDX file but not MNIST's {entry.Files[index].Name}: the SHA-256 of its unpacked "
                    + $"content is {content.Sha256}, the published one {entry.Files[index].Sha256}. Fetch it again with "
                    + "'disttrain data fetch', or name another directory with --data DIR.");
            }
            return content;
        }
    }

    /// <summary>Loads a set of IDX files: training images, training labels, test images, test labels.</summary>
    /// <param name="name">The dataset's name.</param>
    /// <param name="directory">The directory of the files.</param>
    /// <param name="files">Their names, in that order.</param>
    /// <param name="layout">How they differ from MNIST's.</param>
    /// <exception cref="InvalidInputException">A file is missing or damaged, or they do not belong together.</exception>
    public static Dataset LoadIdx(string name, string directory, IReadOnlyList<DatasetFile> files, IdxLayout layout)
    {
        var paths = FindAll(name, directory, files);
        var (trainLabels, testLabels) = (ReadLabels(paths[1]), ReadLabels(paths[3]));
        var classCount = layout.ClassCount ?? Math.Max(2, 1 + Math.Max(trainLabels.Data.Max(), testLabels.Data.Max()));
        var (train, test) = SideBySide(() => LoadPart(paths[0], trainLabels), () => LoadPart(paths[2], testLabels));
        if ((train.Height, train.Width) != (test.Height, test.Width))
        {
            throw new InvalidInputException(
                $"'{paths[0]}' holds images of {train.Height} x {train.Width}, but '{paths[2]}' of {test.Height} x {test.Width}: they do not belong together.");
        }

        return new Dataset(name, train, test);

        IdxFile ReadLabels(string path) => IdxReader.FromFirstLabel(IdxReader.ReadFile(path, IdxReader.LabelsMagic), layout.FirstLabel);

        LabeledImages LoadPart(string path, IdxFile labels)
        {
            var images = IdxReader.ReadFile(path, IdxReader.ImagesMagic);
            return IdxReader.Combine(layout.IsTransposed ? IdxReader.Transpose(images) : images, labels, classCount);
        }
    }

    /// <summary>Where the files of a dataset lie.</summary>
    /// <param name="name">The dataset's name.</param>
    /// <param name="directory">Where to look.</param>
    /// <param name="files">What for.</param>
    /// <exception cref="InvalidInputException">Some are not there; the message says which and where.</exception>
    public static IReadOnlyList<string> FindAll(string name, string directory, IReadOnlyList<DatasetFile> files)
    {
        string[] paths = [.. files.Select(file => Candidates(directory, file).FirstOrDefault(File.Exists) ?? "")];
        var missing = files.Where((_, i) => paths[i].Length == 0).Select(file => file.Name).ToArray();
        return missing.Length == 0
            ? paths
            : throw new InvalidInputException(
                $"Dataset '{name}' is not complete in '{directory}': there is no {string.Join(", ", missing)} (plain or gzipped with .gz). "
                + $"It needs {string.Join(", ", files.Select(file => file.Name))}; nobody downloads them for you: put them there, "
                + "or name another place (--data DIR, DISTTRAIN_DATA, or the path in the dataset's name).");
    }

    /// <summary>Whether every file of a dataset lies in a directory, packed or not; says nothing about their content.</summary>
    public static bool IsComplete(string directory, DatasetEntry entry) =>
        entry.Files.All(file => Candidates(directory, file).Any(File.Exists));

    /// <summary>The names a file of a dataset may have in a directory, the preferred one first.</summary>
    public static IReadOnlyList<string> Candidates(string directory, DatasetFile file) =>
        [Path.Combine(directory, file.Name), Path.Combine(directory, file.Name + ".gz")];

    /// <summary>Two parts, each on a thread of its own: unpacking takes a good part of a short run. The first one's exception goes before the second one's.</summary>
    private static (T First, T Second) SideBySide<T>(Func<T> first, Func<T> second)
    {
        var other = Task.Run(second);
        try
        {
            return (first(), other.GetAwaiter().GetResult());
        }
        finally
        {
            // Its file is closed when this returns, also by an exception.
            Task.WhenAny(other).Wait();
        }
    }

    private static string Find(string directory, DatasetFile file) =>
        Candidates(directory, file).FirstOrDefault(File.Exists)
        ?? throw new InvalidInputException(
            $"The dataset's file {file.Name} is missing: there is neither '{string.Join("' nor '", Candidates(directory, file))}'. "
            + "Download it with 'disttrain data fetch', or name the directory above it with --data DIR (or DISTTRAIN_DATA).");
}
