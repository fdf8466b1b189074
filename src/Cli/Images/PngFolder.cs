using DistTrain.Core;
using DistTrain.Core.Data;

namespace DistTrain.Cli.Images;

/// <summary>
/// Reads a dataset from a directory of PNG files: <c>DIR/train/CLASS/*.png</c> and <c>DIR/test/CLASS/*.png</c>. The classes are the directories below
/// train, in ordinal order; the samples are in the order of classes and then of file names, ordinal too. Other files are passed over. All images
/// have one size, and all are grey or all in colour (red, green, blue).
/// </summary>
public static class PngFolder
{
    private const int MaximumClassCount = 256;
    private const string Extension = ".png";

    /// <summary>Reads the dataset.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="directory">DIR.</param>
    /// <exception cref="InvalidInputException">A directory is missing, or a file damaged or of another size; the message names it.</exception>
    public static Dataset Read(string name, string directory)
    {
        try
        {
            var (train, test) = (Path.Combine(directory, "train"), Path.Combine(directory, "test"));
            var classes = Classes(train);
            if (classes.Length is < 2 or > MaximumClassCount)
            {
                throw new InvalidInputException($"'{train}' has {classes.Length} directories; it must have one for each of 2 to {MaximumClassCount} classes.");
            }

            var unknown = Classes(test).Except(classes).FirstOrDefault();
            if (unknown is not null)
            {
                throw new InvalidInputException($"'{Path.Combine(test, unknown)}' is a class that '{train}' does not have.");
            }

            var trainFiles = Files(train, classes);
            var first = trainFiles[0];
            var model = PngFile.Read(first.Path);
            return new Dataset(name, ReadPart(trainFiles, first.Path, model, classes.Length), ReadPart(Files(test, classes), first.Path, model, classes.Length));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"Cannot read '{directory}': {e.Message} --dataset images:DIR needs DIR/train/CLASS/*.png and DIR/test/CLASS/*.png.", e);
        }
    }

    private static string[] Classes(string part) =>
        [.. new DirectoryInfo(part).EnumerateDirectories().Select(directory => directory.Name).Order(StringComparer.Ordinal)];

    private static List<(string Path, byte Label)> Files(string part, string[] classes)
    {
        var files = new List<(string, byte)>();
        for (var label = 0; label < classes.Length; label++)
        {
            var directory = new DirectoryInfo(Path.Combine(part, classes[label]));
            if (directory.Exists)
            {
                files.AddRange(directory.EnumerateFiles()
                    .Where(file => file.Extension.Equals(Extension, StringComparison.OrdinalIgnoreCase))
                    .Select(file => file.FullName)
                    .Order(StringComparer.Ordinal)
                    .Select(path => (path, (byte)label)));
            }
        }

        return files.Count > 0 ? files : throw new InvalidInputException($"There is no *{Extension} file in the directories below '{part}'.");
    }

    private static LabeledImages ReadPart(List<(string Path, byte Label)> files, string firstPath, PngFile first, int classCount)
    {
        var channels = first.IsGrey ? 1 : PngFile.ColorChannels;
        var size = channels * first.Width * first.Height;
        if ((long)files.Count * size > IdxReader.MaximumElements)
        {
            throw new InvalidInputException($"{files.Count} images of ({channels}, {first.Height}, {first.Width}) are more than the accepted {IdxReader.MaximumElements} bytes.");
        }

        var pixels = new byte[files.Count * size];
        for (var i = 0; i < files.Count; i++)
        {
            var path = files[i].Path;
            var image = PngFile.Read(path);
            if ((image.Width, image.Height, image.IsGrey) != (first.Width, first.Height, first.IsGrey))
            {
                throw new InvalidInputException($"'{path}' is {Describe(image)}, but '{firstPath}' is {Describe(first)}: all images of a dataset must be alike.");
            }

            image.Decode(pixels.AsSpan(i * size, size), path);
        }

        return new LabeledImages(pixels, [.. files.Select(file => file.Label)], first.Height, first.Width, channels, classCount);
    }

    private static string Describe(PngFile image) => $"{image.Width} x {image.Height} {(image.IsGrey ? "grey" : "in colour")}";
}
