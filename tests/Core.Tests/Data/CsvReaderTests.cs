using System.Globalization;
using System.Text;
using CsCheck;
using DistTrain.Core.Data;

namespace DistTrain.Core.Tests.Data;

public sealed class CsvReaderTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Read_WholeNumbersTo255_ArePixels()
    {
        var data = Read("x1,label,x2\n0,1,255\n007,0,3\n", "x1,label,x2\n9,3,8");
        Assert.Equal([0, 255, 7, 3], data.Train.Pixels);
        Assert.Equal([1, 0], data.Train.Labels);
        Assert.Equal([9, 8], data.Test.Pixels);
        Assert.Equal((1, 1, 2, 4), (data.Train.Channels, data.Train.Height, data.Train.Width, data.Train.ClassCount));
    }

    [Fact]
    public void Read_SquareCountOfPixels_AreGreyImages()
    {
        var data = Read("label,a,b,c,d\n1,1,2,3,4\n0,5,6,7,8\n");
        Assert.Equal((1, 2, 2), (data.Train.Channels, data.Train.Height, data.Train.Width));
    }

    [Theory]
    [InlineData("0.1", 0.1f)]
    [InlineData("-3", -3f)]
    [InlineData("256", 256f)]
    [InlineData("1.0", 1f)]
    [InlineData("1e-45", 1e-45f)]
    [InlineData("3.4028235e38", float.MaxValue)]
    [InlineData("16777217", 16777216f)]
    public void Read_AnyOtherNumberAnywhere_KeepsAllAsBinary32(string number, float expected)
    {
        var train = Read($"label,a,b\n1,7,8\n0,9,{number}\n", "label,a,b\n1,1,2\n");
        var test = Read("label,a,b\n1,1,2\n", $"label,a,b\n1,7,8\n0,9,{number}\n");
        Assert.Equal([7, 8, 9, expected], train.Train.Values);
        Assert.Equal([1, 2], train.Test.Values);
        Assert.Equal([7, 8, 9, expected], test.Test.Values);
        Assert.Equal([1, 2], test.Train.Values);
        Assert.Equal((1, 1, 2), (train.Train.Channels, train.Train.Height, train.Train.Width));
    }

    [Fact]
    public void Read_NamesForLabels_AreClassesInOrdinalOrder()
    {
        var data = Read("kind,a\nb,1\nB,2\nä,3\n10,4\n", "kind,a\nb,5\n9,6\n");
        // "10" < "9" < "B" < "b" < "ä"
        Assert.Equal([3, 2, 4, 0], data.Train.Labels);
        Assert.Equal([3, 1], data.Test.Labels);
        Assert.Equal(5, data.Train.ClassCount);
    }

    [Fact]
    public void Read_QuotesBlanksAndOtherLineEnds_AreRead()
    {
        var data = Read("\ufeff\"a,b\" ,\t\"label\"\r\n 1 ,\"x \"\"y\"\"\nz\"\r\n2,\" z\"\r\n3, w", "\"a,b\",label\n4,w\n");
        Assert.Equal([1, 2, 3], data.Train.Pixels);
        // " z" < "w" < the one with a line end
        Assert.Equal([2, 0, 1], data.Train.Labels);
    }

    /// <summary>A file means the same everywhere.</summary>
    [Fact]
    public void Read_AnotherCulture_ReadsTheSameNumbers()
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            var german = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            (german.NumberFormat.NumberDecimalSeparator, german.NumberFormat.NumberGroupSeparator) = (",", ".");
            CultureInfo.CurrentCulture = german;
            Assert.Equal([1.5f], Read("label,a\n0,1.5\n", "label,a\n0,1\n").Train.Values);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Read_OneFile_SetsASixthOfTheRowsAside()
    {
        var rows = Enumerable.Range(0, 100).ToArray();
        var text = "label,a\n" + string.Concat(rows.Select(i => $"{i % 3},{i}\n"));
        var data = Read(text);
        Assert.Equal((84, 16), (data.Train.Count, data.Test.Count));
        Assert.Equal(rows, data.Train.Pixels.Concat(data.Test.Pixels).Select(pixel => (int)pixel).Order());
        Assert.Equal(data.Train.Pixels.Select(pixel => (byte)(pixel % 3)), data.Train.Labels);
        Assert.Equal(data.Digest, Read(text).Digest);
        // The split is part of what a file's digest means: it never changes.
        Assert.Equal([0, 4, 14, 15, 17, 19, 34, 44, 54, 57, 65, 67, 77, 78, 93, 98], data.Test.Pixels);
    }

    public static TheoryData<string, string> BadFiles => new()
    {
        { "", "is empty; a CSV file begins with a header" },
        { "label\n1\n", "line 1, column 1: the header needs at least two names" },
        { "label,label\n1,2\n", "line 1, column 2: the header names 'label' twice" },
        { "label,a\n", "has a header but no row" },
        { "label,a,b\n1,2,3\n1,2\n", "line 3, column 2: the row ends after 2 of the 3 cells" },
        { "label,a,b\n1,2,3\n\n", "line 3, column 1: the row ends after 1 of the 3 cells" },
        { "label,a\n1,2,3\n", "line 2, column 2: the row goes on after the 2 cells" },
        { "label,a\n1,2,\n", "line 2, column 2: the row goes on after the 2 cells" },
        { "label,a,b\n1,2,\n", "line 2, column 3: the cell of 'b' is empty" },
        { "label,a\n ,2\n", "line 2, column 1: the cell of 'label' is empty" },
        { "label,a\n1,x\n", "line 2, column 2: 'x' in 'a' is no number" },
        { "label,a\n1,\"1,5\"\n", "line 2, column 2: '1,5' in 'a' is no number" },
        { "label,a\n1,NaN\n", "'NaN' in 'a' is no number" },
        { "label,a\n1,-Infinity\n", "'-Infinity' in 'a' is no number" },
        { "label,a\n1,1e39\n", "'1e39' in 'a' is beyond binary32" },
        { "label,a\n1,0x10\n", "'0x10' in 'a' is no number" },
        { "label,a\n1,1 2\n", "'1 2' in 'a' is no number" },
        { "label,a\n1,\"2\n", "line 2, column 2: its quotation mark is never closed" },
        { "label,a\n1,\"2\"3\n", "line 2, column 2: something follows its closing quotation mark" },
        { "label,a\n1,2\"3\n", "line 2, column 2: it has a quotation mark inside" },
        { "label,\"a\nb\"\n1,\n", "line 3, column 2: the cell of 'a?b' is empty" },
        { "label,a\nx,1\nx,2\n", "'label' has 1 different values; there must be 2 to 256 classes" },
        { "label,a\n1,2\n", "has one row" },
    };

    [Theory]
    [MemberData(nameof(BadFiles))]
    public void Read_BadFile_NamesFileLineAndColumn(string text, string expected)
    {
        var error = Assert.Throws<InvalidInputException>(() => Read(text));
        Assert.Contains(expected, error.Message);
        Assert.StartsWith($"'{_directory.Path}/train.csv'", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Read_LabelsThatAreNoUtf8_AreRefusedWithTheirPlace()
    {
        var error = Assert.Throws<InvalidInputException>(() => CsvTable.Read([.. "label,a\n"u8, 0xff, .. ",1\n"u8], "f"));
        Assert.Equal("'f', line 2, column 1: it is no UTF-8 text.", error.Message);
    }

    [Fact]
    public void Read_MoreThan256Classes_IsRefused() => Assert.Contains(
        "257 different values", Assert.Throws<InvalidInputException>(() => Read("label,a\n" + string.Concat(Enumerable.Range(0, 257).Select(i => $"c{i},1\n")))).Message);

    [Fact]
    public void Read_OtherHeaderInTheTest_NamesBothFiles()
    {
        var error = Assert.Throws<InvalidInputException>(() => Read("label,a,b\n1,2,3\n", "label,b,a\n1,2,3\n"));
        Assert.Contains("test.csv', line 1", error.Message);
        Assert.Contains("train.csv'", error.Message);
    }

    [Fact]
    public void Read_NoFile_SaysHowToNameOne()
    {
        var error = Assert.Throws<InvalidInputException>(() => CsvReader.Read("x", Path.Combine(_directory.Path, "none.csv"), null));
        Assert.Contains("none.csv", error.Message);
        Assert.Contains("csv:TRAIN,TEST", error.Message);
    }

    [Fact]
    public void Read_TruncatedAnywhereOrRandomBytes_ReadsOrRefusesWithTheDocumentedErrorOnly()
    {
        var whole = Encoding.UTF8.GetBytes("label,\"a \"\"b\"\"\",c\r\nx,1,-2.5\r\n\"y\nz\",3e2,4\r\n");
        for (var length = 0; length < whole.Length; length++)
        {
            ReadOrRefuse(whole[..length]);
        }

        var marks = ",\n\"1.e-\r a\0\u00ff"u8.ToArray();
        Gen.Int[0, marks.Length - 1].Array[0, 40].Sample(chosen => ReadOrRefuse([.. "label,a\n"u8, .. chosen.Select(i => marks[i])]), iter: 20_000);
        Gen.Byte.Array[0, 60].Sample(ReadOrRefuse, iter: 5_000);
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Byte).Sample(
            (place, value) =>
            {
                byte[] bytes = [.. whole];
                bytes[place] = value;
                ReadOrRefuse(bytes);
            },
            iter: 5_000);

        static void ReadOrRefuse(byte[] bytes)
        {
            try
            {
                var table = CsvTable.Read(bytes, "f");
                Assert.Equal(table.Labels.Count * table.FeatureCount, table.Values([.. Enumerable.Range(0, table.Labels.Count)]).Length);
            }
            catch (InvalidInputException)
            {
                // The documented refusal.
            }
        }
    }

    private Dataset Read(string train, string? test = null) => CsvReader.Read(
        "x",
        _directory.Write("train.csv", Encoding.UTF8.GetBytes(train)),
        test is null ? null : _directory.Write("test.csv", Encoding.UTF8.GetBytes(test)));
}
