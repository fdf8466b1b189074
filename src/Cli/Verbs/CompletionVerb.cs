using DistTrain.Cli.Options;
using DistTrain.Core;

namespace DistTrain.Cli.Verbs;

/// <summary><c>completion</c>: what a shell reads to complete this program's words.</summary>
public sealed class CompletionVerb : Verb
{
    // zsh calls the script itself, as a function, where it lies among its own completions; where ~/.zshrc reads it, maybe nobody has called compinit yet.
    // bash is also that of macOS, 3.2, which has no mapfile.
    // The shell asks the program itself, by the directive [suggest:POSITION]; so what is completed is what it takes.
    private static readonly Dictionary<string, string> Scripts = new()
    {
        ["bash"] = """
            _disttrain() {
              local word line=${COMP_LINE#* } IFS=$'\n'
              local at=$((COMP_POINT - ${#COMP_LINE} + ${#line}))
              COMPREPLY=()
              while read -r word; do
                COMPREPLY+=("$word")
              done < <(compgen -W "$("${COMP_WORDS[0]}" "[suggest:$at]" "$line" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}")
            }
            complete -o default -F _disttrain disttrain
            """,
        ["zsh"] = """
            #compdef disttrain
            _disttrain() {
              local line="${words[2,-1]}"
              local -a found=(${(f)"$("${words[1]}" "[suggest:${#line}]" "$line" 2>/dev/null)"})
              compadd -a found || _files
            }
            if [[ ${funcstack[1]} == _disttrain ]]; then
              _disttrain
            else
              (( $+functions[compdef] )) || { autoload -U compinit && compinit -i }
              compdef _disttrain disttrain
            fi
            """,
        ["fish"] = """
            complete -c disttrain -a '(set -l line (string join " " (commandline -opc)[2..] (commandline -ct)); disttrain "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null)'
            """,
    };

    /// <inheritdoc/>
    public override string Name => "completion";

    /// <inheritdoc/>
    public override string Help => $"Print what a shell reads to complete commands, options and names: {string.Join(", ", Scripts.Keys)}.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples =>
    [
        new("completion bash >> ~/.bashrc", "in every new bash"),
        new("completion zsh >> ~/.zshrc", "in every new zsh"),
        new("completion fish > ~/.config/fish/completions/disttrain.fish", "in every new fish"),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings => [];

    /// <inheritdoc/>
    public override string ArgumentName => "SHELL";

    /// <inheritdoc/>
    public override string ArgumentHelp => "bash, zsh or fish.";

    /// <inheritdoc/>
    public override Task<int> RunAsync(VerbCall call)
    {
        if (!Scripts.TryGetValue(call.Argument, out var script))
        {
            throw new InvalidInputException($"There is nothing for the shell '{call.Argument}'; there is for {string.Join(", ", Scripts.Keys)}.");
        }

        call.Surroundings.Output.WriteLine(script);
        return Task.FromResult(ExitCode.Done);
    }
}
