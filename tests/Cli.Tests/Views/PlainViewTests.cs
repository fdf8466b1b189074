using DistTrain.Cli.Runs;
using DistTrain.Cli.Views;

namespace DistTrain.Cli.Tests.Views;

public sealed class PlainViewTests
{
    /// <summary>The log's warning says it already, on standard error: whoever sees both, as in a journal, reads it once.</summary>
    [Fact]
    public void Show_RunThatWaits_IsLeftToTheLog()
    {
        using var output = new StringWriter();
        using var view = new PlainView(new Surroundings { Output = output, Error = TextWriter.Null, Variable = _ => null });

        view.Show(new WorkerChanged("waiting", null, null, "Waiting for 1 more worker", 0, 5));
        Assert.Equal("", output.ToString());

        view.Show(new WorkerChanged("lost", "1 (pid 1 on host)", 1, "its connection broke", 0, 5));
        Assert.Equal("worker 1 (pid 1 on host) lost: its connection broke", output.ToString().TrimEnd());
    }
}
