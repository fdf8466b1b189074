using System.Text;
using DistTrain.Cli.Experiments;
using DistTrain.Cli.Options;
using DistTrain.Cli.Plots;
using DistTrain.Cli.Verbs;
using DistTrain.Core.Data;

namespace DistTrain.Cli.Tests.Experiments;

/// <summary>The sentence of each experiment, on its small setting.</summary>
public sealed class ExperimentTests : IDisposable
{
    private static readonly Lazy<Dataset> Digits = new(() => SyntheticDigits.Create(trainCount: 1000, testCount: 300));
    private readonly CommandRun _command = new();

    public static TheoryData<string> Names => [.. ExperimentCatalog.All.Select(experiment => experiment.Name)];

    public void Dispose() => _command.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Experiment_SmallSetting_ShowsWhatItsSentenceSays(string name)
    {
        var call = new VerbCall(SettingValues.Empty, [], _command.Surroundings, _command.Stop);

        var result = await ExperimentCatalog.Get(name).RunAsync(new ExperimentContext(call, Digits.Value, isQuick: true, _ => { }));

        Assert.True(result.Judgement.IsSeen, result.Judgement.Because);
        Assert.All(result.Summary.Rows, row => Assert.Equal(result.Summary.Columns.Count, row.Count));
        Assert.All(result.Data.Rows, row => Assert.Equal(result.Data.Columns.Count, row.Count));
        Assert.NotEmpty(result.Data.Rows);
        Assert.Empty(Texts(result.Figure).SelectMany(text => text.EnumerateRunes()).Where(rune => !PlotFont.Typeface.ContainsGlyph(rune.Value)).Distinct());
        AssertLabelled(result.Figure);
    }

    private static void AssertLabelled(Figure figure) => Assert.All(figure.Panels, panel =>
    {
        Assert.NotEmpty(panel.Title);
        if (panel.Images.Count == 0)
        {
            Assert.NotEmpty(panel.XLabel);
            Assert.NotEmpty(panel.YLabel);
            Assert.True(panel.Curves.Count > 0);
            Assert.All(panel.Curves, curve => Assert.Equal(curve.X.Count, curve.Y.Count));
        }
    });

    private static IEnumerable<string> Texts(Figure figure) => figure.Panels
        .SelectMany(panel => (string[])[panel.Title, panel.XLabel, panel.YLabel, .. panel.Curves.Select(curve => curve.Name), .. panel.Images.Select(tile => tile.Caption)])
        .Prepend(figure.Title);
}
