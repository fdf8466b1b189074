using DistTrain.Cli.Views;

namespace DistTrain.Cli.Tests.Views;

public sealed class SparklineTests
{
    [Fact]
    public void Draw_ARisingCourse_GoesFromTheLowestToTheHighest()
    {
        var line = new Sparkline();
        for (var i = 0; i < 8; i++)
        {
            line.Add(i);
        }

        Assert.Equal("▁▂▃▄▅▆▇█", line.Draw(8));
        Assert.Equal("▁▃▆█", line.Draw(4));
        Assert.Equal("▁▂▃▄▅▆▇█", line.Draw(80));
    }

    [Fact]
    public void Draw_OneValueOrNone_IsNothing()
    {
        var line = new Sparkline();
        line.Add(null);
        line.Add(double.NaN);
        line.Add(1);

        Assert.Equal("", line.Draw(10));
    }

    [Fact]
    public void Draw_TheSameAgainAndAgain_IsFlat()
    {
        var line = new Sparkline();
        line.Add(3);
        line.Add(3);

        Assert.Equal("▁▁", line.Draw(10));
    }

    /// <summary>However long the run, from its begin to its end.</summary>
    [Fact]
    public void Draw_ManyValues_ShowsTheWholeCourse()
    {
        var line = new Sparkline();
        for (var i = 0; i < 100_000; i++)
        {
            line.Add(i < 50_000 ? 0 : 1);
        }

        Assert.Matches("^▁{10,14}.?█{8,14}$", line.Draw(24));
    }
}
