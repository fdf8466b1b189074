namespace DistTrain.Core.Data;

/// <summary>
/// Reads CIFAR-10's binary version: records of one label byte and 3,072 pixels, plane by plane (red, green, blue), rows first. A file is a whole
/// number of records, at most the published 10,000; nothing is read beyond that.
/// Source: A. Krizhevsky, "Learning multiple layers of features from tiny images" (2009), and the dataset's page, section "Binary version".
/// </summary>
public static class Cifar10Reader
{
    /// <summary>Rows and columns of an image.</summary>
    public const int ImageSide = 32;

    /// <summary>Planes of an image.</summary>
    public const int Channels = 3;

    /// <summary>Classes.</summary>
    public const int ClassCount = 10;

    /// <summary>Records in one published file, and at most.</summary>
    public const int MaximumRecords = 10_000;

    /// <summary>The file of test images.</summary>
    public const string TestFile = "test_batch.bin";

    private const int ImageBytes = Channels * ImageSide * ImageSide;
    private const int RecordBytes = 1 + ImageBytes;
    private const string Cure = "Get the file again, or name a directory that holds the right one with --data DIR.";

    /// <summary>The files of training images, in order.</summary>
    public static IReadOnlyList<string> TrainFiles { get; } = [.. Enumerable.Range(1, 5).Select(i => FormattableString.Invariant($"data_batch_{i}.bin"))];

    /// <summary>Loads the dataset.</summary>
    /// <param name="directory">The directory of its six files: <c>DIR/cifar-10</c>.</param>
    /// <exception cref="InvalidInputException">A file is missing or damaged.</exception>
    public static Dataset Load(string directory)
    {
        const string name = "cifar-10";
        var paths = DatasetDirectory.FindAll(name, directory, [.. TrainFiles.Append(TestFile).Select(file => new DatasetFile(file))]);
        return new Dataset(name, Combine([.. paths.SkipLast(1).Select(ReadFile)]), Combine([ReadFile(paths[^1])]));
    }

    /// <summary>Reads the records of one file.</summary>
    /// <param name="source">A seekable stream, plain or gzipped; it is closed.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="InvalidInputException">The content is damaged.</exception>
    public static LabeledImages ReadStream(Stream source, string name) => Combine([ReadRecords(source, name)]);

    private static byte[] ReadFile(string path)
    {
        try
        {
            return ReadRecords(new FileStream(path, new FileStreamOptions { Options = FileOptions.SequentialScan }), path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"Cannot read '{path}': {exception.Message} {Cure}", exception);
        }
    }

    private static byte[] ReadRecords(Stream source, string name)
    {
        using var content = PlainOrGzip.Open(source);
        var records = new List<byte[]>();
        try
        {
            var record = new byte[RecordBytes];
            for (int arrived; (arrived = content.ReadAtLeast(record, RecordBytes, throwOnEndOfStream: false)) > 0; record = new byte[RecordBytes])
            {
                var place = FormattableString.Invariant($"record {records.Count} (at byte {(long)records.Count * RecordBytes})");
                if (arrived < RecordBytes)
                    throw Damaged(name, FormattableString.Invariant($"{place} ends after {arrived} of its {RecordBytes} bytes"));
                if (records.Count == MaximumRecords)
                    throw Damaged(name, FormattableString.Invariant($"it goes on after {MaximumRecords} records, where it should end"));
                if (record[0] >= ClassCount)
                    throw Damaged(name, FormattableString.Invariant($"{place} has label {record[0]}, not below {ClassCount} classes"));
                records.Add(record);
            }
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidInputException($"'{name}' is damaged: its gzip data cannot be unpacked ({exception.Message}). {Cure}", exception);
        }
        if (records.Count == 0)
            throw Damaged(name, "it is empty");
        var bytes = new byte[records.Count * RecordBytes];
        for (var i = 0; i < records.Count; i++) records[i].CopyTo(bytes, i * RecordBytes);
        return bytes;
    }

    private static LabeledImages Combine(IReadOnlyList<byte[]> files)
    {
        var count = files.Sum(file => file.Length / RecordBytes);
        var (pixels, labels) = (new byte[count * ImageBytes], new byte[count]);
        var image = 0;
        foreach (var file in files)
        {
            for (var at = 0; at < file.Length; at += RecordBytes, image++)
            {
                labels[image] = file[at];
                file.AsSpan(at + 1, ImageBytes).CopyTo(pixels.AsSpan(image * ImageBytes));
            }
        }
        return new LabeledImages(pixels, labels, ImageSide, ImageSide, Channels, ClassCount);
    }

    private static InvalidInputException Damaged(string name, string what) => new($"'{name}' is not a CIFAR-10 batch: {what}. {Cure}");
}
