using System.Diagnostics;

namespace Dino.Gpu.Tests.Cli;

/// <summary>The scripts that complete <c>dino</c> in shells.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("dino emb", "embed")]
    [InlineData("dino weights pu", "pull")]
    [InlineData("dino embed --prec", "--precision")]
    [InlineData("dino embed --precision ", "bf16,fp16,fp32,int8,tf32")]
    [InlineData("dino completion ", "bash,fish,pwsh,zsh")]
    public async Task The_command_names_what_fits(string line, string expected)
    {
        CliResult result = await CliRunner.RunAsync($"[suggest:{line.Length}]", line);
        Assert.Equal(0, result.ExitCode);
        string[] words = [.. result.OutputLines.Where(word => line.EndsWith(' ') ? word[0] != '-' : true)];
        Assert.Equal(expected.Split(','), words.Order(StringComparer.Ordinal));
    }

    /// <summary>As bash calls it: a function by the name of the command stands for one on the path.</summary>
    [Theory]
    [InlineData("dino emb", "embed")]
    [InlineData("dino embed --precision b", "bf16")]
    [InlineData("dino embed photos/", "")] // then bash completes files
    public async Task Bash_completes_with_the_script(string line, string expected)
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "bash is not installed");
        CliResult script = await CliRunner.RunAsync("completion", "bash");
        string word = line[(line.LastIndexOf(' ') + 1)..];
        string body = $$"""
            dino() { dotnet "{{Path.Combine(AppContext.BaseDirectory, "dino.dll")}}" "$@"; }
            {{script.Output}}
            COMP_LINE='{{line}}' COMP_POINT={{line.Length}} COMP_WORDS=('{{word}}') COMP_CWORD=0
            _dino
            printf '%s\n' "${COMPREPLY[@]}"
            complete -p dino
            """;
        var start = new ProcessStartInfo("/bin/bash", ["-c", body]) { RedirectStandardOutput = true, RedirectStandardError = true };
        CliResult result = await CliProcess.FinishAsync(Process.Start(start)!);
        Assert.Empty(result.Error);
        string[] words = expected.Split(',', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([.. words, "complete -o bashdefault -o default -F _dino dino"], result.OutputLines);
    }

    [Theory]
    [InlineData("zsh", "compdef _dino dino")]
    [InlineData("fish", "complete -c dino ")]
    [InlineData("pwsh", "Register-ArgumentCompleter -Native -CommandName dino ")]
    public async Task Every_shell_has_a_script(string shell, string part)
    {
        Assert.Contains(part, (await CliRunner.RunAsync("completion", shell)).Output);
    }

    [Fact]
    public async Task An_unknown_shell_is_one_line()
    {
        CliResult result = await CliRunner.RunAsync("completion", "cmd");
        Assert.Contains("SHELL: expected one of bash, zsh, fish, pwsh, found 'cmd'", result.UsageLine());
    }
}
