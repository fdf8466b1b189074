using CsCheck;
using DistTrain.Core.Data;

namespace DistTrain.Core.Tests.Data;

public sealed class Cifar10ReaderTests : IDisposable
{
    private const int RecordBytes = 3073;
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Load_SixFiles_GivesTheirRecordsInOrder()
    {
        for (byte i = 1; i <= 5; i++)
        {
            _directory.Write($"data_batch_{i}.bin", Records(i));
        }

        _directory.Write("test_batch.bin.gz", IdxBytes.Gzip([.. Records(7), .. Records(8)]));
        var data = DatasetCatalog.Find("cifar-10").Read!(_directory.Path);
        Assert.Equal((3, 32, 32, 10), (data.Train.Channels, data.Train.Height, data.Train.Width, data.Train.ClassCount));
        Assert.Equal([1, 2, 3, 4, 5], data.Train.Labels);
        Assert.Equal([7, 8], data.Test.Labels);
        Assert.Equal(Records(3)[1..], data.Train.Image(2).ToArray());
        Assert.Equal(Records(8)[1..], data.Test.Image(1).ToArray());
    }

    [Fact]
    public void Load_FilesMissing_NamesThemAndWhereItLooked()
    {
        _directory.Write("data_batch_2.bin", Records(1));
        var error = Assert.Throws<InvalidInputException>(() => Cifar10Reader.Load(_directory.Path));
        Assert.Contains($"in '{_directory.Path}': there is no data_batch_1.bin, data_batch_3.bin, data_batch_4.bin, data_batch_5.bin, test_batch.bin (", error.Message);
        Assert.Contains("--data DIR", error.Message);
    }

    [Fact]
    public void ReadStream_BadContent_SaysWhatAndWhere()
    {
        Refuses([], "it is empty");
        Refuses([.. Records(1), .. Records(10)], "record 1 (at byte 3073) has label 10, not below 10 classes");
        Refuses([.. Records(1), 5], "record 1 (at byte 3073) ends after 1 of its 3073 bytes");
        Refuses(IdxBytes.Gzip(new byte[(10_001 * RecordBytes)]), "goes on after 10000 records");
        Refuses([0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "gzip data cannot be unpacked");
    }

    [Fact]
    public void ReadStream_TruncatedAnywhere_IsRefused()
    {
        var record = Records(2);
        for (var length = 0; length < RecordBytes; length++)
        {
            Assert.Throws<InvalidInputException>(() => Read(record[..length]));
        }
    }

    [Fact]
    public void ReadStream_RandomBytes_ReadsOrRefusesWithTheDocumentedErrorOnly() => Gen.Byte.Array[0, 2 * RecordBytes].Sample(
        bytes =>
        {
            try
            {
                Assert.Equal(bytes.Length, Read(bytes).Count * RecordBytes);
            }
            catch (InvalidInputException)
            {
                // The documented refusal.
            }
        },
        iter: 200);

    private static void Refuses(byte[] bytes, string expected) => Assert.Contains(expected, Assert.Throws<InvalidInputException>(() => Read(bytes)).Message);

    private static LabeledImages Read(byte[] bytes) => Cifar10Reader.ReadStream(new MemoryStream(bytes), "the file");

    private static byte[] Records(byte label) => [label, .. Enumerable.Range(0, RecordBytes - 1).Select(i => (byte)(i * label))];
}
