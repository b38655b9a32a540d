using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// <c>dino completion SHELL</c>: a script by which a shell completes commands, options and their values. It asks
/// <c>dino</c> itself, so that it never disagrees with the command line; where <c>dino</c> has no answer, files are
/// completed.
/// </summary>
internal static class CompletionCommand
{
    private const string Bash = """
        _dino() {
          local word=${COMP_WORDS[COMP_CWORD]} all
          all=$(dino "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)
          [[ $word == -* ]] || all=$(grep -v '^-' <<<"$all")
          local IFS=$'\n'
          COMPREPLY=($(compgen -W "$all" -- "$word"))
        }
        complete -o default -o bashdefault -F _dino dino
        """;

    private const string Zsh = """
        #compdef dino
        _dino() {
          local -a all
          all=("${(@f)$(dino "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
          [[ $PREFIX == -* ]] || all=(${all:#-*})
          all=(${all:#})
          if (( $#all )); then compadd -a all; else _files; fi
        }
        if [[ $funcstack[1] == _dino ]]; then _dino "$@"; else compdef _dino dino; fi
        """;

    private const string Fish = """
        function __dino_complete
            set -l line (commandline -cp)
            set -l word (commandline -ct)
            set -l all (dino "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null | string match -r '.+')
            string match -q -- '-*' "$word"; or set all (printf '%s\n' $all | string match -r '^[^-].*')
            if set -q all[1]
                printf '%s\n' $all
            else
                __fish_complete_path "$word"
            end
        end
        complete -c dino -f -a '(__dino_complete)'
        """;

    private const string PowerShell = """
        Register-ArgumentCompleter -Native -CommandName dino -ScriptBlock {
            param($word, $line, $cursor)
            dino "[suggest:$cursor]" "$line" 2>$null |
                Where-Object { $_ -like "$word*" -and ($word -like '-*' -or $_ -notlike '-*') } |
                ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
        }
        """;

    private static readonly (string Name, string Script)[] Shells =
        [("bash", Bash), ("zsh", Zsh), ("fish", Fish), ("pwsh", PowerShell)];

    public static Command Create(CliConsole console)
    {
        string known = string.Join(", ", Shells.Select(shell => shell.Name));
        var shell = new Argument<string>("SHELL") { Description = $"One of {known}." };
        shell.CompletionSources.Add([.. Shells.Select(one => one.Name)]);
        shell.Validators.Add(result =>
        {
            string name = result.Tokens[0].Value;
            if (!Shells.Any(one => one.Name == name))
                result.AddError($"SHELL: expected one of {known}, found '{name}'");
        });
        const string Examples = """
            # bash
            dino completion bash > ~/.local/share/bash-completion/completions/dino
            # zsh, in a folder of $fpath
            dino completion zsh > ~/.zfunc/_dino
            # fish
            dino completion fish > ~/.config/fish/completions/dino.fish
            # PowerShell
            dino completion pwsh >> $PROFILE
            """;
        var command = new CliCommand("completion", "Print a script that completes dino in a shell.", Examples) { shell };
        command.SetAction(parsed =>
        {
            string script = Shells.First(one => one.Name == parsed.GetValue(shell)).Script;
            console.Text.WriteLine(script.ReplaceLineEndings("\n"));
        });
        return command;
    }
}
