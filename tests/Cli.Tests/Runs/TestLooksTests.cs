using DistTrain.Cli.Runs;
using DistTrain.Core.Health;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;
using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Cli.Tests.Runs;

public sealed class TestLooksTests
{
    /// <summary>By the path that training evaluates on: the same samples are right.</summary>
    [Fact]
    public void ClassPredictions_AreThoseOfTheEvaluation()
    {
        using var state = Trained();
        var test = SmallRun.Digits.Test;

        var classes = ClassPredictions.Of(SmallRun.Spec.Model, state.Parameters, test, CancellationToken.None);

        var right = Enumerable.Range(0, test.Count).Count(i => classes[i] == test.Labels[i]);
        Assert.Equal(Evaluator.Run(SmallRun.Spec.Model, state.Parameters, test, 1).Accuracy, (double)right / test.Count);
    }

    /// <summary>However slow the network: at least one shard, and no more once it is enough.</summary>
    [Fact]
    public void ClassPredictions_OnceItIsEnough_AreOfTheFirstSamples()
    {
        var test = Core.Data.SyntheticDigits.Create(trainCount: 10, testCount: 5000).Test;
        using var parameters = SmallRun.Spec.Model.InitialParameters(1);

        var all = ClassPredictions.Of(SmallRun.Spec.Model, parameters, test, CancellationToken.None);
        var few = ClassPredictions.Of(SmallRun.Spec.Model, parameters, test, new CancellationToken(canceled: true));

        Assert.Equal(test.Count, all.Count);
        Assert.InRange(few.Count, 1, test.Count - 1);
        Assert.Equal(all.Take(few.Count), few);
    }

    [Fact]
    public void Look_SaysWhatIsTakenForWhat()
    {
        using var state = Trained();
        var test = SmallRun.Digits.Test;

        var look = TestLook.Of(SmallRun.Spec, state.Parameters, 3, test, CancellationToken.None);

        Assert.Equal((3, test.Count, test.Count), (look.Step, look.Seen, look.Samples));
        Assert.Equal(look.Seen - Enumerable.Range(0, 10).Sum(i => look.Confusion[i][i]), look.Wrong.Count);
        Assert.All(look.Wrong, wrong => Assert.Equal((test.Labels[wrong.Index], Convert.ToBase64String(test.Image(wrong.Index))), ((byte)wrong.Label, wrong.Pixels)));
        Assert.Equal(new PixelSize(1, 28, 28), look.Image);
    }

    [Fact]
    public void Filters_AreStretchedFromTheSmallestToTheLargestWeight()
    {
        var layout = new ParameterLayout([("0.weight", new Shape(2, 1, 1, 3)), ("0.bias", new Shape(2))]);
        using var parameters = new ParameterSet(layout);
        parameters.View(layout.Slots[0])[0] = -1;
        parameters.View(layout.Slots[0])[2] = 1;

        var look = FilterLook.Of(parameters)!;

        Assert.Equal([Convert.ToBase64String([0, 128, 255]), Convert.ToBase64String([0, 0, 0])], look.Pixels);
        using var none = new ParameterSet(new ParameterLayout([("0.weight", new Shape(2, 3))]));
        Assert.Null(FilterLook.Of(none));
    }

    /// <summary>Somebody has to watch, and not more than once in a second.</summary>
    [Fact]
    public void Looks_AreForThoseWhoWatch()
    {
        var (time, isWatched) = (new FakeTimeProvider(), false);
        var told = new List<long>();
        using var state = Trained();
        using var looks = new TestLooks(SmallRun.Spec, SmallRun.Digits.Test, time, () => isWatched, happened => told.Add(((TestLook)happened).Step), Fail);

        After(1, seconds: 5);
        isWatched = true;
        After(2, seconds: 5);
        After(3, seconds: 0.9);
        After(4, seconds: 0.2);

        Assert.Equal([2, 4], told);

        void After(long step, double seconds)
        {
            time.Advance(TimeSpan.FromSeconds(seconds));
            looks.EvaluationDone(step, state);
            looks.Wait();
        }
    }

    /// <summary>What goes wrong with looking is told once, and nobody else notices.</summary>
    [Fact]
    public void Look_ThatFails_IsTheLast()
    {
        var failures = new List<string>();
        using var state = Trained();
        using (var looks = new TestLooks(SmallRun.Spec, SmallRun.Digits.Test, TimeProvider.System, () => true, _ => throw new InvalidOperationException("broken"), e => failures.Add(e.Message)))
        {
            looks.EvaluationDone(1, state);
            looks.Wait();
            looks.EvaluationDone(2, state);
        }

        Assert.Equal(["broken"], failures);
    }

    private static TrainingState Trained() => Trainer.Run(SmallRun.Spec, SmallRun.Digits);

    private static void Fail(Exception e) => Assert.Fail(e.ToString());
}
