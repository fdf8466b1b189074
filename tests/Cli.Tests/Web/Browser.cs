using Microsoft.Playwright;

namespace DistTrain.Cli.Tests.Web;

/// <summary>The Chromium that is installed, without a window.</summary>
internal sealed class Browser : IAsyncDisposable
{
    /// <summary>Where Debian puts it, and others.</summary>
    private static readonly string[] Places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private readonly IPlaywright _driver;
    private readonly IBrowser _browser;

    private Browser(IPlaywright driver, IBrowser browser) => (_driver, _browser) = (driver, browser);

    /// <summary>Its program; null if there is none here.</summary>
    public static string? Program { get; } = Places.FirstOrDefault(File.Exists);

    /// <summary>What the page's scripts complained of.</summary>
    public List<string> Complaints { get; } = [];

    /// <summary>What the page asked for, elsewhere than at its own address.</summary>
    public List<string> AskedElsewhere { get; } = [];

    /// <summary>Starts it, with a profile of its own.</summary>
    public static async Task<Browser> StartAsync()
    {
        var driver = await Playwright.CreateAsync();
        return new Browser(driver, await driver.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Program,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        }));
    }

    /// <summary>Opens a page.</summary>
    public async Task<IPage> OpenAsync(Uri address, int width = 1200, int height = 900, ColorScheme scheme = ColorScheme.Light)
    {
        var page = await _browser.NewPageAsync(new BrowserNewPageOptions { ViewportSize = new ViewportSize { Width = width, Height = height }, ColorScheme = scheme });
        page.PageError += (_, error) => Complaints.Add(error);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                Complaints.Add(message.Text);
            }
        };
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal))
            {
                AskedElsewhere.Add(request.Url);
            }
        };
        await page.GotoAsync(address.ToString());
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _driver.Dispose();
    }
}
