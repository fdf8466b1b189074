using DistTrain.Core.Training;

namespace DistTrain.Core.Tests.Training;

public sealed class ThreadTeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Run_ManyTimes_DoesEveryThreadsWorkOnceBeforeItReturns(int threads)
    {
        using var team = new ThreadTeam(threads);
        var done = new int[threads];
        for (var run = 1; run <= 2000; run++)
        {
            team.Run(index => done[index]++);
            Assert.All(done, count => Assert.Equal(run, count));
        }
    }

    [Fact]
    public void Run_WorkThatThrows_ThrowsItOnTheCallerAndTheTeamLivesOn()
    {
        using var team = new ThreadTeam(3);
        for (var failing = 0; failing < 3; failing++)
        {
            var thrown = Assert.Throws<InvalidOperationException>(() => team.Run(index =>
            {
                if (index == failing)
                {
                    throw new InvalidOperationException($"{index}");
                }
            }));
            Assert.Equal($"{failing}", thrown.Message);
        }

        var done = 0;
        team.Run(_ => Interlocked.Increment(ref done));
        Assert.Equal(3, done);
    }

    [Fact]
    public void Dispose_Twice_EndsTheThreadsOnce()
    {
        var team = new ThreadTeam(2);
        team.Dispose();
        team.Dispose();
    }
}
