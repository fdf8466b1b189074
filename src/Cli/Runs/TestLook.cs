using DistTrain.Core.Data;
using DistTrain.Core.Health;
using DistTrain.Core.Tensors;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Runs;

/// <summary>What a network makes of the test samples. For the page and the report: it is neither in <c>--json</c> nor in <c>metrics.jsonl</c>.</summary>
/// <param name="Step">The steps behind its parameters.</param>
/// <param name="Seen">How many of the test samples were looked at, the first ones.</param>
/// <param name="Samples">How many there are.</param>
/// <param name="Confusion">Of those seen: by what they are, and then by what they are taken for.</param>
/// <param name="Wrong">The first of those taken for others.</param>
/// <param name="Image">The size of their images; null if they are none.</param>
public sealed record TestLook(
    long Step, int Seen, int Samples, IReadOnlyList<int[]> Confusion, IReadOnlyList<WrongSample> Wrong, PixelSize? Image) : RunEvent
{
    private const int MostWrong = 40;

    /// <summary>Of less there is nothing to see.</summary>
    private const int SmallestSide = 4;

    /// <summary>Looks.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="parameters">Its parameters.</param>
    /// <param name="stepsDone">The steps behind them.</param>
    /// <param name="test">Its test samples.</param>
    /// <param name="enough">Ends it early, with fewer samples.</param>
    public static TestLook Of(RunSpec spec, ParameterSet parameters, long stepsDone, LabeledImages test, CancellationToken enough)
    {
        var classes = ClassPredictions.Of(spec.Model, parameters, test, enough);
        var confusion = Enumerable.Range(0, test.ClassCount).Select(_ => new int[test.ClassCount]).ToArray();
        var wrong = new List<WrongSample>();
        var isImage = test is { ElementKind: ElementKind.Byte, Channels: 1 or 3 } && Math.Min(test.Height, test.Width) >= SmallestSide;
        for (var i = 0; i < classes.Count; i++)
        {
            var (label, predicted) = (test.Labels[i], classes[i]);
            confusion[label][predicted]++;
            if (label != predicted && wrong.Count < MostWrong)
            {
                wrong.Add(new WrongSample(i, label, predicted, isImage ? Convert.ToBase64String(test.Image(i)) : null));
            }
        }

        return new TestLook(stepsDone, classes.Count, test.Count, confusion, wrong, isImage ? new PixelSize(test.Channels, test.Height, test.Width) : null);
    }
}

/// <summary>A test sample that is taken for another class.</summary>
/// <param name="Index">Its number in the test set, from 0.</param>
/// <param name="Label">What it is.</param>
/// <param name="Predicted">What it is taken for.</param>
/// <param name="Pixels">Shape (channels, height, width), a byte each, in base 64; null if it is no image.</param>
public sealed record WrongSample(int Index, int Label, int Predicted, string? Pixels);

/// <summary>The size of images.</summary>
/// <param name="Channels">1 for grey, 3 for red, green and blue.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public sealed record PixelSize(int Channels, int Height, int Width);
