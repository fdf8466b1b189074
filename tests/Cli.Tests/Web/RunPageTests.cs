using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Web;

namespace DistTrain.Cli.Tests.Web;

public sealed partial class RunPageTests
{
    /// <summary>What the policy lets run is the script of the page, byte by byte, and nothing on the page comes from elsewhere.</summary>
    [Fact]
    public void Policy_AllowsThePagesScriptAndNoOther()
    {
        var script = Scripts().Matches(RunPage.Live)[^1].Groups[1].Value;

        Assert.Contains($"script-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(script)))}';", RunPage.ContentSecurityPolicy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe-eval", RunPage.ContentSecurityPolicy, StringComparison.Ordinal);
        Assert.DoesNotMatch("""(?:src|href)="(?!data:)""", RunPage.Live);
    }

    /// <summary>A host's name, an error's text, the model's: whatever it is, the page's script does not end there.</summary>
    [Fact]
    public void Events_WithMarkupInThem_StayData()
    {
        const string evil = "</script><script>alert(1)</script><!--";
        var page = RunPage.Of([[new WorkerChanged("lost", evil, 1, evil, 1, 1).ToJson(), new LogLine(evil).ToJson()]]);

        Assert.Equal(2, Scripts().Count(page));
        var events = JsonDocument.Parse(Data().Match(page).Groups[1].Value).RootElement[0];
        Assert.Equal(evil, events[0].GetProperty("reason").GetString());
        Assert.Equal(evil, events[1].GetProperty("line").GetString());
    }

    [GeneratedRegex("<script>(.*?)</script>|<script type=\"application/json\"", RegexOptions.Singleline)]
    private static partial Regex Scripts();

    [GeneratedRegex("id=\"events-of-the-run\">(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex Data();
}
