using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using DistTrain.Cli.Views;
using Microsoft.Playwright;

namespace DistTrain.Cli.Tests.Web;

/// <summary>What a person sees in a browser, of a real run.</summary>
public sealed class BrowserTests : IDisposable
{
    private const int PhoneWidth = 390;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>What somebody who does not see the page has to be told of by name.</summary>
    private static readonly string[] RolesWithNames = ["image", "img", "table", "region", "progressbar", "button", "link", "DisclosureTriangle", "list", "main", "heading"];

    private readonly string _directory = Directory.CreateTempSubdirectory("disttrain-browser-").FullName;
    private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    public BrowserTests() => _patience.CancelAfter(Patience);

    public void Dispose()
    {
        _patience.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>From before its first step to after its last one: the numbers on the page are those of standard output, and the report says the same.</summary>
    [Fact]
    public async Task Page_OfARun_ShowsWhatJsonTells()
    {
        Assert.SkipWhen(Browser.Program is null, "There is no Chromium here.");
        await using var browser = await Browser.StartAsync();
        using var coordinator = StartedProgram.Start(
            _directory, "coordinator", "--listen", "127.0.0.1:0", "--workers", "1", "--dataset", "synthetic", "--model", "simple-convnet", "--epochs", "4", "--batch-size", "500", "--dashboard", "127.0.0.1:0", "--json", "--out", "run");
        var started = await coordinator.NextAsync("started", _patience.Token);
        var page = await browser.OpenAsync(new Uri(started.GetProperty("dashboard").GetString()!));
        await Assertions.Expect(page.Locator("#title")).ToHaveTextAsync("simple-convnet on synthetic");
        await Assertions.Expect(page.Locator("[data-figure='Step']")).ToHaveTextAsync("0 of " + Whole(started.GetProperty("steps")));

        using var worker = StartedProgram.Start(_directory, "worker", "--coordinator", started.GetProperty("address").GetString()!.Replace("http://", "", StringComparison.Ordinal));
        await Assertions.Expect(page.Locator("#workers tbody tr")).ToHaveCountAsync(1, new() { Timeout = (float)Patience.TotalMilliseconds });
        var completed = await coordinator.NextAsync("completed", _patience.Token);
        Assert.Equal(0, await coordinator.EndAsync(_patience.Token));
        await Assertions.Expect(page.Locator("[data-figure='parametersSha256']")).ToHaveTextAsync(completed.GetProperty("parametersSha256").GetString()!);

        await ComparesAsync(page, completed, coordinator.Lines);
        await HasNamesAsync(page, charts: 4);
        Assert.Empty(browser.AskedElsewhere);
        // What is left of the connection, which ended with the run.
        Assert.All(browser.Complaints, complaint => Assert.Contains("ERR_", complaint, StringComparison.Ordinal));
        browser.Complaints.Clear();

        var report = await browser.OpenAsync(new Uri(Path.Combine(_directory, "run", "report.html")));
        await ComparesAsync(report, completed, coordinator.Lines);
        await HasNamesAsync(report, charts: 4);
        await Assertions.Expect(report.Locator("#filters canvas")).ToHaveCountAsync(30);
        await Assertions.Expect(report.Locator("#command")).ToHaveTextAsync($"disttrain train --config {_directory}/run/run.json --workers 1");
        Assert.Empty(browser.Complaints);
    }

    /// <summary>A worker that is killed is seen to go while the run goes on, and the end is told before the page falls silent.</summary>
    [Fact]
    public async Task Page_WhileAWorkerDies_ShowsIt()
    {
        Assert.SkipWhen(Browser.Program is null, "There is no Chromium here.");
        await using var browser = await Browser.StartAsync();
        using var run = StartedProgram.Start(
            _directory, "train", "--workers", "2", "--dataset", "synthetic", "--epochs", "100000", "--dashboard", "127.0.0.1:0", "--json", "--out", "run");
        var started = await run.NextAsync("started", _patience.Token);
        var page = await browser.OpenAsync(new Uri(started.GetProperty("dashboard").GetString()!));
        await run.NextAsync("epoch", _patience.Token);
        var joined = run.Lines.First(line => Is(line, "worker") && line.GetProperty("what").GetString() == "joined");
        await Assertions.Expect(page.Locator("#confusion tbody tr")).ToHaveCountAsync(10, new() { Timeout = (float)Patience.TotalMilliseconds });
        var before = await StepAsync(page);

        using (var worker = Process.GetProcessById(joined.GetProperty("processId").GetInt32()))
        {
            worker.Kill();
        }

        await Assertions.Expect(page.Locator("#events .bad", new PageLocatorOptions { HasText = " lost: " })).ToBeVisibleAsync(new() { Timeout = (float)Patience.TotalMilliseconds });
        await page.WaitForFunctionAsync("before => Number(document.querySelector(\"[data-figure='Step']\").textContent.split(' ')[0].replaceAll(',', '')) > before", before);
        run.Interrupt();
        Assert.Equal(ExitCode.Checkpointed, await run.EndAsync(_patience.Token));
        await Assertions.Expect(page.Locator("#events li").First).ToContainTextAsync("stopped after step");
        Assert.Empty(browser.AskedElsewhere);
    }

    /// <summary>Runs beside each other; on a telephone; in the dark; by the keyboard.</summary>
    [Fact]
    public async Task Report_OfSeveralRuns_ComparesThem()
    {
        Assert.SkipWhen(Browser.Program is null, "There is no Chromium here.");
        using var command = new CommandRun();
        foreach (var (name, rate) in ((string, string)[])[("a", "0.1"), ("b", "0.1"), ("c", "0.01")])
        {
            Assert.Equal(0, await command.RunAsync("train", "--json", "--epochs", "3", "--batch-size", "20", "--lr", rate, "--out", name));
        }

        Assert.Equal(0, await command.RunAsync("report", "a", "b", "c", "--file", "all.html"));
        Assert.Equal(0, await command.RunAsync("report", "a", "b", "--file", "same.html"));
        await using var browser = await Browser.StartAsync();
        var page = await browser.OpenAsync(new Uri(command.File("all.html")), PhoneWidth, 800, ColorScheme.Dark);
        Assert.Equal(["a", "b", "c"], await page.Locator("#runs tbody th").AllTextContentsAsync());
        await Assertions.Expect(page.Locator("#runs-text")).ToHaveTextAsync("");
        await HasNamesAsync(page, charts: 2);
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth"), "It scrolls sideways.");
        Assert.Equal("rgb(17, 20, 23)", await page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor"));
        await page.Keyboard.PressAsync("Tab");
        Assert.Equal("region", await page.EvaluateAsync<string>("document.activeElement.getAttribute('role')"));
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("#loss details table")).ToBeVisibleAsync();

        var same = await browser.OpenAsync(new Uri(command.File("same.html")));
        await Assertions.Expect(same.Locator("#runs-text")).ToHaveTextAsync("All came to the same bits.");
        Assert.Empty(browser.Complaints);
    }

    /// <summary>The page of one run fits a telephone.</summary>
    [Theory]
    [InlineData(320)]
    [InlineData(PhoneWidth)]
    public async Task Report_OnATelephone_DoesNotScrollSideways(int width)
    {
        Assert.SkipWhen(Browser.Program is null, "There is no Chromium here.");
        using var command = new CommandRun();
        Assert.Equal(0, await command.TrainAsync("--epochs", "2"));
        await using var browser = await Browser.StartAsync();
        var page = await browser.OpenAsync(new Uri(command.File("run/report.html")), width, 700);

        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth"), "It scrolls sideways.");
        Assert.Empty(browser.Complaints);
    }

    private static async Task<long> StepAsync(IPage page) =>
        long.Parse((await page.Locator("[data-figure='Step']").TextContentAsync())!.Split(' ')[0], NumberStyles.AllowThousands, CultureInfo.InvariantCulture);

    private static async Task ComparesAsync(IPage page, JsonElement completed, IReadOnlyList<JsonElement> lines)
    {
        var accuracy = EventText.Percent(completed.GetProperty("testAccuracy").GetDouble());
        await Assertions.Expect(page.Locator("[data-figure='Step']")).ToHaveTextAsync($"{Whole(completed.GetProperty("steps"))} of {Whole(completed.GetProperty("steps"))}");
        await Assertions.Expect(page.Locator("[data-figure='Train loss']")).ToHaveTextAsync(Four(completed.GetProperty("trainLoss")));
        await Assertions.Expect(page.Locator("[data-figure='Test loss']")).ToHaveTextAsync(Four(completed.GetProperty("testLoss")));
        await Assertions.Expect(page.Locator("[data-figure='Test accuracy']")).ToHaveTextAsync(accuracy);
        await Assertions.Expect(page.Locator("[data-figure='Samples/s']")).ToHaveTextAsync(Whole(completed.GetProperty("samplesPerSecond")));
        Assert.Equal(
            lines.Where(line => Is(line, "epoch")).Select(epoch => $"test {Whole(epoch.GetProperty("step"))} {EventText.Percent(epoch.GetProperty("testAccuracy").GetDouble())}"),
            await RowsAsync(page, "#accuracy"));
        Assert.Equal(
            lines.Where(line => Is(line, "epoch")).Select(epoch => $"test {Whole(epoch.GetProperty("step"))} {epoch.GetProperty("testLoss").GetDouble().ToString("F3", CultureInfo.InvariantCulture)}"),
            (await RowsAsync(page, "#loss")).Where(row => row.StartsWith("test ", StringComparison.Ordinal)));
        Assert.Equal(
            lines.Count(line => Is(line, "worker") && line.GetProperty("what").GetString() == "joined"),
            await page.Locator("#events li", new PageLocatorOptions { HasText = " joined" }).CountAsync());
        var spec = JsonDocument.Parse((await page.Locator("#spec").TextContentAsync())!).RootElement;
        Assert.Equal(completed.GetProperty("model").GetString(), spec.GetProperty("model").GetProperty("name").GetString());
        Assert.Equal(completed.GetProperty("seed").GetInt64(), spec.GetProperty("seed").GetInt64());

        // The confusion matrix is of the last parameters: its diagonal is the accuracy.
        await Assertions.Expect(page.Locator("#confusion caption")).ToContainTextAsync($"After step {Whole(completed.GetProperty("steps"))},");
        var counts = (await page.Locator("#confusion tbody tr").AllTextContentsAsync()).Count;
        var cells = await page.EvaluateAsync<int[][]>("[...document.querySelectorAll('#confusion tbody tr')].map(row => [...row.querySelectorAll('td')].map(cell => Number(cell.textContent)))");
        Assert.Equal(10, counts);
        var fraction = cells.Select((row, i) => (double)row[i]).Sum() / cells.Sum(row => row.Sum());
        if ((await page.Locator("#confusion caption").TextContentAsync())!.Contains("of the first", StringComparison.Ordinal))
        {
            // A slow machine looks at fewer samples, and says so.
            Assert.Equal(completed.GetProperty("testAccuracy").GetDouble(), fraction, tolerance: 0.05);
        }
        else
        {
            Assert.Equal(accuracy, EventText.Percent(fraction));
        }
    }

    private static async Task<IReadOnlyList<string>> RowsAsync(IPage page, string chart) => await page.EvaluateAsync<string[]>(
        "chart => [...document.querySelectorAll(chart + ' details tr')].slice(1).map(row => [...row.cells].map(cell => cell.textContent).join(' '))", chart);

    /// <summary>As a screen reader is told it.</summary>
    private static async Task HasNamesAsync(IPage page, int charts)
    {
        var session = await page.Context.NewCDPSessionAsync(page);
        var tree = (await session.SendAsync("Accessibility.getFullAXTree"))!.Value.GetProperty("nodes").EnumerateArray()
            .Where(node => !node.GetProperty("ignored").GetBoolean())
            .Select(node => (Role: node.GetProperty("role").GetProperty("value").GetString()!, Name: node.TryGetProperty("name", out var name) ? name.GetProperty("value").GetString() : ""))
            .ToList();
        Assert.All(tree.Where(node => RolesWithNames.Contains(node.Role) && node.Role != "main" && node.Role != "list"), node => Assert.False(string.IsNullOrWhiteSpace(node.Name), $"A {node.Role} has no name."));
        Assert.True(tree.Count(node => node.Role is "image" or "img" && node.Name!.Contains(" over ", StringComparison.Ordinal)) >= charts, string.Join('\n', tree));
    }

    private static bool Is(JsonElement line, string name) => line.GetProperty("event").GetString() == name;

    private static string Whole(JsonElement number) => number.GetDouble().ToString("N0", CultureInfo.InvariantCulture);

    private static string Four(JsonElement number) => number.GetDouble().ToString("F4", CultureInfo.InvariantCulture);
}
