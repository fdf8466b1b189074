using System.Diagnostics;

namespace DistTrain.Cli.Tests.Processes;

/// <summary>In a real shell.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("disttrain tra", "train")]
    [InlineData("disttrain train --opti", "--optimizer")]
    [InlineData("disttrain train --optimizer ada", "adagrad adam adamw")]
    public async Task Bash_CompletesAWord(string line, string expected)
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "There is no bash here.");
        var words = line.Split(' ');
        var script = $$"""
            disttrain() { dotnet '{{typeof(DistTrainCommand).Assembly.Location}}' "$@"; }
            source <(disttrain completion bash)
            COMP_WORDS=({{line}}) COMP_CWORD={{words.Length - 1}} COMP_LINE='{{line}}' COMP_POINT={{line.Length}}
            _disttrain
            echo $(printf '%s\n' "${COMPREPLY[@]}" | sort)
            """;
        using var bash = Process.Start(new ProcessStartInfo("/bin/bash", ["-c", script]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Equal("", await bash.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));

        Assert.Equal(expected, output.Trim());
    }
}
