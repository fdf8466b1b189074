using DistTrain.Coordinator;

namespace DistTrain.Cluster.Tests;

/// <summary>A worker needs nothing but the coordinator's address: the dataset comes once, and stays.</summary>
/// <remarks>Broken on purpose, and it failed: the digest of what the cache holds is not computed.</remarks>
public sealed class DatasetTests
{
    private const string Asking = "Asking the coordinator for dataset";

    [Fact]
    public async Task Worker_WithoutTheDataset_GetsItOnceAndNoticesDamage()
    {
        var spec = SmallRun.Spec(steps: 3);
        var hash = SmallRun.SingleProcessHash(spec);
        var cache = Directory.CreateTempSubdirectory("disttrain-test-").FullName;
        try
        {
            var path = Path.Combine(cache, $"{spec.Dataset.Digest}.dataset");

            Assert.Contains(Asking, await WorkerLogAsync(), StringComparison.Ordinal);
            var kept = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
            Assert.DoesNotContain(Asking, await WorkerLogAsync(), StringComparison.Ordinal);

            // Row D5: one bit.
            var damaged = kept.ToArray();
            damaged[^1] ^= 1;
            await File.WriteAllBytesAsync(path, damaged, TestContext.Current.CancellationToken);
            var log = await WorkerLogAsync();
            Assert.Contains($"The cached dataset {path} is damaged: removed", log, StringComparison.Ordinal);
            Assert.Contains(Asking, log, StringComparison.Ordinal);
            Assert.Equal(kept, await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
        }
        finally
        {
            Directory.Delete(cache, recursive: true);
        }

        async Task<string> WorkerLogAsync()
        {
            await using var cluster = await TestCluster.StartAsync(spec, new CoordinatorOptions(), cache);
            var worker = cluster.StartWorker();
            Assert.Equal(hash, await cluster.FinalHashAsync());
            Assert.Equal(0, await worker.ExitAsync(TestCluster.Patience));
            await worker.SaysAsync("Done: the run is complete");
            return worker.LogText;
        }
    }
}
