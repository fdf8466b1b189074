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
        var words = line.Split(' ');
        var script = $$"""
            disttrain() { dotnet '{{typeof(DistTrainCommand).Assembly.Location}}' "$@"; }
            eval "$(disttrain completion bash)"
            COMP_WORDS=({{line}}) COMP_CWORD={{words.Length - 1}} COMP_LINE='{{line}}' COMP_POINT={{line.Length}}
            _disttrain
            echo $(printf '%s\n' "${COMPREPLY[@]}" | sort)
            """;

        Assert.Equal(expected, await RunAsync("bash", script));
    }

    /// <summary>Where ~/.zshrc reads it before anybody has called compinit, and where it does so afterwards.</summary>
    [Theory]
    [InlineData("", "disttrain tra", "train")]
    [InlineData("autoload -U compinit; compinit -i", "disttrain train --optimizer ada", "adagrad adam adamw")]
    [InlineData("", "disttrain no-such-word", "files")]
    public async Task Zsh_CompletesAWord(string before, string line, string expected)
    {
        var script = $$"""
            disttrain() { dotnet '{{typeof(DistTrainCommand).Assembly.Location}}' "$@"; }
            {{before}}
            eval "$(disttrain completion zsh)"
            [[ ${_comps[disttrain]} == _disttrain ]] || echo "it completes nothing"
            compadd() { (( ${#found} )) && print -r -- ${(o)found}; }
            _files() { print files; }
            words=({{line}})
            _disttrain
            """;

        Assert.Equal(expected, await RunAsync("zsh", script, "-f"));
    }

    /// <summary>Where it lies among the completions that compinit finds, by its first line.</summary>
    [Fact]
    public async Task Zsh_FindsItAsAFile()
    {
        const string script = """
            mkdir -p functions
            disttrain() { dotnet "$ASSEMBLY" "$@"; }
            disttrain completion zsh > functions/_disttrain
            fpath=($PWD/functions $fpath)
            autoload -U compinit; compinit -i -u
            compadd() { print -r -- ${(o)found}; }
            words=(disttrain tra)
            ${_comps[disttrain]}
            """;

        Assert.Equal("train", await RunAsync("zsh", script, "-f"));
    }

    /// <summary>What the shell prints, in an empty directory that is its home too; skips where there is none.</summary>
    private static async Task<string> RunAsync(string shell, string script, params string[] options)
    {
        var path = Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator).Select(directory => Path.Combine(directory, shell)).FirstOrDefault(File.Exists);
        Assert.SkipWhen(path is null || OperatingSystem.IsWindows(), $"There is no {shell} here.");
        var home = Directory.CreateTempSubdirectory("disttrain-test-").FullName;
        try
        {
            var start = new ProcessStartInfo(path, [.. options, "-c", script]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = home };
            (start.Environment["HOME"], start.Environment["ZDOTDIR"], start.Environment["ASSEMBLY"]) = (home, home, typeof(DistTrainCommand).Assembly.Location);
            using var process = Process.Start(start)!;
            var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            Assert.Equal("", await error);
            return output.Trim();
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }
}
