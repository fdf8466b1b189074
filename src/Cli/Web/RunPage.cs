using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace DistTrain.Cli.Web;

/// <summary>The page that shows a run, live or from its events: one file, which needs nothing from elsewhere.</summary>
public static class RunPage
{
    private const string Begin = "<html lang=\"en\">";
    private const string Empty = "<script type=\"application/json\" id=\"events-of-the-run\">[]</script>";
    private const string Charset = "<meta charset=\"utf-8\">";
    private static readonly string Template = Load();
    private static readonly string PolicyInFile =
        $"\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src {Hash("script")}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">";

    /// <summary>For the run that goes on: it reads <c>events</c> beside it.</summary>
    public static string Live { get; } = Template.Replace(Begin, "<html lang=\"en\" data-live>", StringComparison.Ordinal);

    /// <summary>What a browser may do with it: run this script and no other, and talk to nobody but the server that it came from.</summary>
    public static string ContentSecurityPolicy { get; } =
        $"default-src 'none'; script-src {Hash("script")}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>With the events in it, for a file. Of several runs it compares them.</summary>
    /// <param name="runs">The events of each, a line of JSON each.</param>
    public static string Of(IReadOnlyList<IReadOnlyList<string>> runs) => Template.Replace(Charset, Charset + PolicyInFile, StringComparison.Ordinal).Replace(
        Empty,
        // In JSON a less-than sign is only ever within a text, where this means the same; a page would end the script at "</script>".
        Empty.Replace(
            "[]",
            $"[{string.Join(",\n", runs.Select(lines => $"[{string.Join(",\n", lines)}]")).Replace("<", "\\u003c", StringComparison.Ordinal)}]",
            StringComparison.Ordinal),
        StringComparison.Ordinal);

    private static string Load()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("DistTrain.Cli.Web.run.html")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    private static string Hash(string element)
    {
        var open = $"<{element}>";
        var begin = Template.LastIndexOf(open, StringComparison.Ordinal) + open.Length;
        var text = Template[begin..Template.LastIndexOf($"</{element}>", StringComparison.Ordinal)];
        return $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}'";
    }
}
