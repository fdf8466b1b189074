using DistTrain.Cli.Runs;
using DistTrain.Cli.Web;

namespace DistTrain.Cli.Tests.Web;

public sealed class RunFeedTests : IDisposable
{
    private readonly RunFeed _feed = new();

    public void Dispose() => _feed.Dispose();

    [Fact]
    public async Task Reader_WhoComesLate_GetsAllInOrder()
    {
        _feed.Show(Start);
        _feed.Show(At(1));
        var (soFar, next) = _feed.Read();
        _feed.Show(At(2));
        _feed.Dispose();

        Assert.Equal([Start.ToJson(), At(1).ToJson()], soFar);
        Assert.Equal([At(2).ToJson()], await next.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>However long the run: its beginning, its end, what happened to workers, and enough steps between for a curve.</summary>
    [Fact]
    public void LongRun_IsKeptInBoundedMemory()
    {
        _feed.Show(Start);
        _feed.Show(new WorkerChanged("joined", "1", 1, null, 0, 0));
        for (var step = 1; step <= 100_000; step++)
        {
            _feed.Show(At(step));
            _feed.Show(new ClusterGlance(null, [], step));
            _feed.Warn($"line {step}");
        }

        var (soFar, _) = _feed.Read();

        Assert.Equal(Start.ToJson(), soFar[0]);
        Assert.Contains("joined", soFar[1], StringComparison.Ordinal);
        Assert.InRange(soFar.Count(line => line.Contains("\"progress\"", StringComparison.Ordinal)), 1000, 2001);
        Assert.InRange(soFar.Count(line => line.Contains("\"glance\"", StringComparison.Ordinal)), 240, 480 + 1);
        var steps = soFar.Where(line => line.Contains("\"progress\"", StringComparison.Ordinal)).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("step").GetInt64()).ToList();
        Assert.True(steps.Zip(steps.Skip(1), (a, b) => b - a).Max() <= 2 * 100_000 / 1000, "There is a gap in the curve.");
        Assert.Equal(200, soFar.Count(line => line.Contains("\"log\"", StringComparison.Ordinal)));
        Assert.Contains("\"step\":1,", soFar.First(line => line.Contains("\"progress\"", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("\"step\":100000,", soFar.Last(line => line.Contains("\"progress\"", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    /// <summary>It neither holds up the run nor fills the memory; when it comes again, it begins anew.</summary>
    [Fact]
    public async Task Reader_WhoIsTooSlow_IsLetGo()
    {
        _feed.Show(Start);
        var (_, next) = _feed.Read();
        for (var step = 1; step <= 2000; step++)
        {
            _feed.Show(At(step));
        }

        var read = await next.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(1024, read.Count);
    }

    /// <summary>Whatever happens a thousand times: what began is known, and the epochs are.</summary>
    [Fact]
    public void ManyEvents_DoNotPushOutTheBeginning()
    {
        _feed.Show(Start);
        for (var step = 1; step <= 20_000; step++)
        {
            _feed.Show(new EpochDone(step, step, 1, 1, 1, 1, step));
            _feed.Show(new CheckpointDone(step, "/a", null, 1, step));
        }

        var soFar = _feed.SoFar();

        Assert.Equal(Start.ToJson(), soFar[0]);
        Assert.InRange(soFar.Count(line => line.Contains("\"epoch\"", StringComparison.Ordinal)), 1000, 2001);
    }

    /// <summary>Of what is replaced there is one.</summary>
    [Fact]
    public void Look_Again_ReplacesTheFirst()
    {
        _feed.Show(Start);
        _feed.Show(new TestLook(1, 10, 10, [], [], null));
        _feed.Show(new TestLook(2, 10, 10, [], [], null));

        Assert.Equal([Start.ToJson(), new TestLook(2, 10, 10, [], [], null).ToJson()], _feed.SoFar());
    }

    private static Started Start { get; } = new("/runs/a", "two-layer", "mnist", "sgd", 3000, 600, 100, 8, 1, 3, 1, "127.0.0.1:1", "0.1.0", 1);

    private static Progress At(long step) => new(step, 3000, 1, 0.5, 1000, step, 1);
}
