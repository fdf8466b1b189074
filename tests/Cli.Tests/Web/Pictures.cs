using System.Net;
using Microsoft.Playwright;

namespace DistTrain.Cli.Tests.Web;

/// <summary>
/// The pictures in docs/images, of real runs on MNIST (DISTTRAIN_DATA). Made when somebody asks for them:
/// <c>dotnet run -c Release --project tests/Cli.Tests -- -class "*Pictures" -explicit only</c>.
/// </summary>
public sealed class Pictures : IDisposable
{
    private const int Phone = 390;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-pictures-").FullName;
    private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    public Pictures()
    {
        _patience.CancelAfter(Patience);
        // Where the data lies on this machine is nobody's affair.
        var data = Environment.GetEnvironmentVariable("DISTTRAIN_DATA") ?? throw new InvalidOperationException("DISTTRAIN_DATA names no MNIST.");
        Directory.CreateSymbolicLink(Path.Combine(_directory, "data"), Path.GetFullPath(data));
    }

    private static string Images { get; } = Path.Combine(Deploy.DeployedProgram.Directory, "..", "docs", "images");

    public void Dispose()
    {
        _patience.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory(Explicit = true)]
    [InlineData(80, 26)]
    [InlineData(200, 26)]
    public async Task Terminal(int columns, int height)
    {
        using var terminal = Processes.Terminal.Start(
            columns, height, _directory, [], "train", "--workers", "4", "--dataset", "mnist", "--data", "data", "--epochs", "40", "--seed", "7", "--out", "runs/four", "--dashboard", "off");
        Assert.True(await terminal.ReadUntilAsync(screen => screen.Rows.Any(row => row.StartsWith("epoch 5:", StringComparison.Ordinal)) && screen.Rows.TakeLast(6).Count(row => row.Contains("computing", StringComparison.Ordinal)) == 4, _patience.Token), terminal.Screen.Raw);
        var rows = terminal.Screen.Rows.TakeLast(height).ToList();
        terminal.Type("\x03");
        await terminal.ReadToEndAsync(_patience.Token);

        var page = Path.Combine(_directory, "terminal.html");
        await File.WriteAllTextAsync(
            page,
            $"<!doctype html><meta charset=utf-8><body style='margin:0;background:#16191d'><pre style='margin:12px;color:#e7eaee;font:14px/1.25 \"DejaVu Sans Mono\",monospace;width:max-content'>{WebUtility.HtmlEncode(string.Join('\n', rows))}</pre>",
            _patience.Token);
        await using var browser = await Browser.StartAsync();
        var shown = await browser.OpenAsync(new Uri(page), width: 1900);
        await shown.Locator("pre").ScreenshotAsync(new() { Path = Picture($"terminal-{columns}") });
    }

    [Fact(Explicit = true)]
    public async Task DashboardAndReports()
    {
        await using var browser = await Browser.StartAsync();
        using var run = StartedProgram.Start(
            _directory, "train", "--workers", "4", "--dataset", "mnist", "--data", "data", "--model", "simple-convnet", "--epochs", "6", "--seed", "7", "--dashboard", "127.0.0.1:0", "--json", "--out", "runs/four");
        var started = await run.NextAsync("started", _patience.Token);
        var address = new Uri(started.GetProperty("dashboard").GetString()!);
        await run.NextAsync("epoch", _patience.Token);
        await run.NextAsync("epoch", _patience.Token);
        (string, int, ColorScheme)[] views =
        [
            ("desktop-light", 1200, ColorScheme.Light), ("desktop-dark", 1200, ColorScheme.Dark), ("phone-light", Phone, ColorScheme.Light), ("phone-dark", Phone, ColorScheme.Dark),
        ];
        foreach (var (name, width, scheme) in views)
        {
            var page = await browser.OpenAsync(address, width, 900, scheme);
            await Assertions.Expect(page.Locator("#confusion tbody tr")).ToHaveCountAsync(10, new() { Timeout = (float)Patience.TotalMilliseconds });
            await page.ScreenshotAsync(new() { Path = Picture($"dashboard-{name}"), FullPage = width != Phone });
        }

        await run.NextAsync("completed", _patience.Token);
        Assert.Equal(0, await run.EndAsync(_patience.Token));
        var report = await browser.OpenAsync(new Uri(Path.Combine(_directory, "runs/four/report.html")));
        await report.ScreenshotAsync(new() { Path = Picture("report"), FullPage = true });

        foreach (var rate in (string[])["0.1", "0.03", "0.01"])
        {
            using var other = StartedProgram.Start(_directory, "train", "--dataset", "mnist", "--data", "data", "--epochs", "4", "--lr", rate, "--json", "--out", $"runs/lr-{rate}");
            await other.NextAsync("completed", _patience.Token);
            Assert.Equal(0, await other.EndAsync(_patience.Token));
        }

        using var compared = StartedProgram.Start(_directory, "report", "runs/lr-0.1", "runs/lr-0.03", "runs/lr-0.01", "--json");
        await compared.NextAsync("reported", _patience.Token);
        Assert.Equal(0, await compared.EndAsync(_patience.Token));
        var several = await browser.OpenAsync(new Uri(Path.Combine(_directory, "report.html")));
        await several.ScreenshotAsync(new() { Path = Picture("report-compared"), FullPage = true });
    }

    private static string Picture(string name) => Path.Combine(Images, name + ".png");
}
