using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Options that the environment gives.</summary>
public sealed class OptionVariableTests
{
    private static readonly string Image = GoldenData.Image("chelsea.png");

    [Fact]
    public async Task A_variable_is_an_option_and_the_command_line_wins()
    {
        CliResult csv = await EmbedAsync(["DINO_FORMAT=csv", "DINO_QUIET=1"]);
        Assert.StartsWith("path,", csv.Output);
        Assert.Empty(csv.Error);
        CliResult lines = await EmbedAsync(["DINO_FORMAT=csv", "DINO_QUIET=1"], "--format", "jsonl");
        Assert.StartsWith("{", lines.Output);
        Assert.Contains("images/s", (await EmbedAsync(["DINO_FORMAT=csv", "DINO_QUIET=0"])).Error);
    }

    /// <summary>Behind the names of the command, so that they are options even where "--" ends those.</summary>
    [Fact]
    public async Task A_variable_counts_before_the_end_of_options()
    {
        CliResult csv = await EmbedAsync(["DINO_FORMAT=csv"], "--");
        Assert.StartsWith("path,", csv.Output);
        string file = GoldenData.PathOf("checkpoints", "tiny_hf.bin");
        Assert.StartsWith("{", (await RunAsync(["DINO_JSON=true"], "--quiet", "weights", "info", file)).Output);
    }

    [Fact]
    public async Task A_variable_that_contradicts_a_file_is_named()
    {
        CliResult wrong = await EmbedAsync(["DINO_FORMAT=csv"], "-o", "n.npy");
        Assert.StartsWith("dino: error: --format: expected npy for 'n.npy', found csv\n", wrong.UsageLine());
        Assert.EndsWith("; the environment has DINO_FORMAT", wrong.ErrorLines[1]);
    }

    [Fact]
    public async Task A_wrong_variable_is_named()
    {
        CliResult wrong = await EmbedAsync(["DINO_FORMAT=xml"]);
        Assert.Equal(2, wrong.ExitCode);
        Assert.Contains("found 'xml'", wrong.ErrorLines[0]);
        Assert.EndsWith("; the environment has DINO_FORMAT", wrong.ErrorLines[1]);
    }

    /// <summary>As any other variable: wrong usage, which help does not mind.</summary>
    [Theory]
    [InlineData("DINO_QUIET")]
    [InlineData("DINO_VERBOSE")]
    [InlineData("DINO_JSON")]
    public async Task A_wrong_variable_of_a_switch_is_wrong_usage(string name)
    {
        CliResult wrong = await RunAsync([$"{name}=perhaps"], "devices");
        Assert.StartsWith($"dino: error: {name}: expected 1 or 0, found 'perhaps'\n", wrong.UsageLine());
        Assert.Equal(0, (await RunAsync([$"{name}=perhaps"], "devices", "--help")).ExitCode);
        Assert.Equal(0, (await RunAsync([$"{name}=perhaps"], "--version")).ExitCode);
        Assert.Contains("there is no option '--jsn'", (await RunAsync([$"{name}=perhaps"], "devices", "--jsn")).UsageLine());
    }

    /// <summary>Variables of other commands' options say nothing to this one.</summary>
    [Fact]
    public async Task An_option_that_the_command_lacks_is_not_set()
    {
        Assert.Equal(0, (await RunAsync(["DINO_EPOCHS=3", "DINO_OUTPUT=", "DINO_TEST_LONG=1"], "devices")).ExitCode);
    }

    private static Task<CliResult> EmbedAsync(string[] variables, params string[] arguments) =>
        RunAsync(variables, ["embed", "--weights", CliRunner.TinyWeights, "--device", "cpu", .. arguments, Image]);

    private static Task<CliResult> RunAsync(string[] variables, params string[] arguments) =>
        CliRunner.RunAsync(variables.Select(one => one.Split('=')).ToDictionary(one => one[0], one => one[1]), arguments);
}
