using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Wrong command lines: exit code 2, what is wrong and where help is; and the help itself.</summary>
public sealed class UsageTests
{
    [Theory]
    [InlineData("embed")]
    [InlineData("embed", "a.jpg", "--batch", "0")]
    [InlineData("embed", "a.jpg", "--batch", "many")]
    [InlineData("embed", "a.jpg", "--threads", "0")]
    [InlineData("embed", "a.jpg", "--output", "pooler")]
    [InlineData("embed", "a.jpg", "--precision", "fp8")]
    [InlineData("embed", "a.jpg", "--format", "xml")]
    [InlineData("embed", "a.jpg", "--format", "npy")]
    [InlineData("embed", "a.jpg", "-o", "a.unknown")]
    [InlineData("embed", "a.jpg", "--size", "0")]
    [InlineData("embed", "a.jpg", "--exif", "perhaps")]
    [InlineData("embed", "a.jpg", "--decoder", "gimp")]
    [InlineData("embed", "a.jpg", "--preprocess", "clip")]
    [InlineData("embed", "a.jpg", "--interpolation", "none")]
    [InlineData("embed", "a.jpg", "--unknown")]
    [InlineData("attention", "a.jpg", "-o", "maps", "--unknown")]
    [InlineData("features", "a.jpg", "-o", "out", "--unknown")]
    [InlineData("pca", "a.jpg", "-o", "out", "--unknown")]
    [InlineData("index", "a.jpg", "-o", "a.npz", "--unknown")]
    [InlineData("search", "a.npz", "a.jpg", "--neighbors", "3")]
    [InlineData("dedup", "a.jpg", "--unknown")]
    [InlineData("compare", "a.jpg", "--unknown")]
    [InlineData("knn", "train", "--unknown")]
    [InlineData("linear", "train", "--unknown")]
    [InlineData("preprocess", "a.jpg", "-o", "out", "--unknown")]
    [InlineData("merge", "out", "-o", "merged", "--unknown")]
    [InlineData("weights", "info", "--unknown")]
    [InlineData("embed", "a.jpg", "--weights")]
    [InlineData("devices", "extra")]
    [InlineData("unknown")]
    public async Task Wrong_usage_says_what_was_expected(params string[] arguments)
    {
        (await CliRunner.RunAsync(arguments)).UsageLine();
    }

    [Theory]
    [InlineData("there is no command 'frob'", "dino --help", "frob", "a", "--x")]
    [InlineData("there is no option '--frob'", "dino --help", "--frob")]
    [InlineData("there is no command 'weights frob'", "dino weights --help", "weights", "frob")]
    [InlineData("expected a command (pull, info, convert, synth), found none", "dino weights --help", "weights")]
    [InlineData("expected a command (embed, merge, ", "dino --help", "--quiet")]
    public async Task A_command_that_is_missing_or_none_is_one_line(string line, string help, params string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(arguments);
        Assert.StartsWith($"dino: error: {line}", result.UsageLine());
        Assert.Equal($"hint: run '{help}'", result.ErrorLines[1]);
    }

    [Theory]
    [InlineData("did you mean 'embed'?", "emebd", "a.jpg")]
    [InlineData("did you mean 'pull'?", "weights", "pul")]
    [InlineData("did you mean '--weights'?", "embed", "a.jpg", "--wieghts", "x")]
    [InlineData("did you mean '--batch'?", "embed", "a.jpg", "--Batch=3")]
    [InlineData("did you mean '--quiet'?", "devices", "--quite")]
    [InlineData("did you mean 'weights'?", "help", "wieghts", "pull")]
    public async Task A_mistyped_name_is_recognized(string hint, params string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(arguments);
        Assert.StartsWith("dino: error: there is no ", result.UsageLine());
        Assert.Equal($"hint: {hint}", result.ErrorLines[1]);
    }

    [Theory]
    [InlineData("--json", "dino models --json", "--json", "models")]
    [InlineData("--json", "dino weights info --json", "--json", "weights", "info", "w.bin")]
    [InlineData("--format", "dino embed --format csv", "--format", "csv", "embed", "a.jpg")]
    [InlineData("--batch", "dino embed --batch=3", "--batch=3", "embed", "a.jpg", "--", "b.jpg")]
    public async Task An_option_before_the_command_is_told_its_place(string option, string right, params string[] arguments)
    {
        string lines = (await CliRunner.RunAsync(arguments)).UsageLine();
        Assert.Equal($"dino: error: option '{option}' belongs after the command\nhint: write {right}", lines);
    }

    [Theory]
    [InlineData("--errors", "embed", "a.jpg")]
    [InlineData("--stats", "embed", "a.jpg")]
    [InlineData("-o", "index", "a.jpg")]
    [InlineData("-o", "attention", "a.jpg")]
    [InlineData("-o", "weights", "pull")]
    [InlineData("-o", "weights", "convert", "w.bin")]
    [InlineData("--html", "search", "a.npz", "b.npz")]
    [InlineData("--html", "dedup", "a.npz")]
    [InlineData("--save", "linear", "a", "b")]
    [InlineData("--predictions", "knn", "a", "b")]
    public async Task A_dash_is_no_name_of_a_file(string option, params string[] command) => Assert.Equal(
        $"dino: error: {option}: expected a name, found '-'\nhint: a file or folder of that name is ./-",
        (await CliRunner.RunAsync([.. command, option, "-"])).UsageLine());

    [Theory]
    [InlineData("--shard-size: expected a folder after -o", "embed", "a.jpg", "-o", "x.npy", "--shard-size", "2")]
    [InlineData("--shard-size: expected a folder after -o", "embed", "a.jpg", "--shard-size", "2")]
    [InlineData("--max-errors: expected --on-error nan or skip, found fail", "embed", "a.jpg", "--on-error", "fail", "--max-errors", "3")]
    [InlineData("--epochs is for training, and --probe is trained already", "linear", "--probe", "p", "a", "--epochs", "3")]
    [InlineData("--lr is for training, and --probe is trained already", "linear", "--probe", "p", "a", "--lr", "3")]
    public async Task An_option_without_effect_is_wrong_usage(string message, params string[] arguments) =>
        Assert.StartsWith($"dino: error: {message}\n", (await CliRunner.RunAsync(arguments)).UsageLine());

    [Fact]
    public async Task Behind_two_dashes_an_option_is_a_file_that_is_not_there()
    {
        CliResult result = await CliRunner.RunAsync(["embed", "a.jpg", "--", "--format", "csv"]);
        Assert.Equal("dino: error: cannot read '--format': no such file\nhint: options go before '--'", result.UsageLine());
    }

    /// <summary>The parser's own sentences come out in the words of all other errors.</summary>
    [Theory]
    [InlineData("expected INPUT, found none", "embed")]
    [InlineData("-o: expected a value, found none", "embed", "a.jpg", "-o")]
    [InlineData("-o: expected one value, found 2", "embed", "a.png", "-o", "a.npy", "-o", "b.npy")]
    [InlineData("-o: required, found none", "attention", "a.jpg")]
    [InlineData("unexpected argument 'extra'", "devices", "extra")]
    [InlineData("--precision: expected fp32, tf32, bf16, fp16 or int8, found 'fp8'", "embed", "a.jpg", "--precision", "fp8")]
    [InlineData("--batch: expected a whole number from 1 to 4096, found 'many'", "embed", "a.jpg", "--batch", "many")]
    [InlineData("--layer: expected a whole number from -63 to 63, found 'last'", "attention", "a.jpg", "-o", "maps", "--layer", "last")]
    public async Task What_is_wrong_is_said_in_one_grammar(string message, params string[] arguments) =>
        Assert.StartsWith($"dino: error: {message}", (await CliRunner.RunAsync(arguments)).UsageLine());

    /// <summary>What <c>-o "$OUT"</c> is where OUT is not set.</summary>
    [Theory]
    [InlineData("embed", "a.jpg", "-o", "")]
    [InlineData("embed", "a.jpg", "-o", "", "--format", "npy")]
    [InlineData("embed", "")]
    [InlineData("embed", "a.jpg", "")]
    [InlineData("embed", "a.jpg", "--stats", "")]
    [InlineData("embed", "a.jpg", "--errors", "")]
    [InlineData("embed", "a.jpg", "--weights", "")]
    [InlineData("embed", "a.jpg", "--device", "")]
    [InlineData("embed", "a.jpg", "--shard", "")]
    [InlineData("embed", "a.jpg", "--path-column", "")]
    [InlineData("preprocess", "a.jpg", "-o", "")]
    [InlineData("attention", "a.jpg", "-o", "")]
    [InlineData("features", "a.jpg", "-o", "")]
    [InlineData("pca", "a.jpg", "-o", "")]
    [InlineData("index", "a.jpg", "-o", "")]
    [InlineData("search", "", "a.jpg")]
    [InlineData("search", "a.npz", "a.jpg", "--html", "")]
    [InlineData("compare", "a.jpg", "")]
    [InlineData("dedup", "a.jpg", "--html", "")]
    [InlineData("knn", "train", "test", "--confusion", "")]
    [InlineData("linear", "train", "test", "--save", "")]
    [InlineData("merge", "out", "-o", "")]
    [InlineData("merge", "", "-o", "merged")]
    [InlineData("weights", "info", "")]
    [InlineData("weights", "synth", "-o", "")]
    [InlineData("bench", "--batches", "")]
    public async Task Empty_text_is_wrong_usage(params string[] arguments)
    {
        Assert.Contains(": expected a value, found an empty one", (await CliRunner.RunAsync(arguments)).UsageLine());
    }

    /// <summary>Checks between options must not stumble over one without a value.</summary>
    [Theory]
    [InlineData("embed", "a.png", "-o")]
    [InlineData("embed", "a.png", "--format")]
    [InlineData("embed", "a.png", "-o", "a.npy", "-o", "b.npy")]
    [InlineData("embed", "a.png", "--format", "csv", "--format", "jsonl")]
    [InlineData("merge", "out", "-o")]
    [InlineData("linear", "train", "test", "--probe")]
    [InlineData("linear", "train", "test", "--save")]
    public async Task Options_without_a_value_or_with_two_are_wrong_usage(params string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(arguments);
        Assert.Matches(": expected (a value, found none|one value, found 2)$", result.UsageLine().Split('\n')[0]);
        Assert.Equal($"hint: run 'dino {arguments[0]} --help'", result.ErrorLines[1]);
    }

    [Fact]
    public async Task Help_is_offered_for_the_command_that_was_meant()
    {
        CliResult result = await CliRunner.RunAsync("weights", "pull", "--unknown");
        Assert.Equal("hint: run 'dino weights pull --help'", result.ErrorLines[^1]);
    }

    [Fact]
    public async Task Nothing_at_all_shows_the_help_on_stderr()
    {
        CliResult result = await CliRunner.RunAsync();
        Assert.Equal(2, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains("embed", result.Error);
    }

    [Fact]
    public async Task Version_is_one_line()
    {
        CliResult result = await CliRunner.RunAsync("--version");
        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+", Assert.Single(result.OutputLines));
    }

    [Fact]
    public async Task Only_verbose_shows_a_stack_trace()
    {
        string[] arguments = ["embed", "nowhere/*.jpg"];
        Assert.DoesNotContain("   at ", (await CliRunner.RunAsync(arguments)).Error);
        Assert.Contains("   at ", (await CliRunner.RunAsync([.. arguments, "--verbose"])).Error);
    }

    [Fact]
    public async Task Quiet_silences_notes_but_not_failures()
    {
        using var folder = new TemporaryFolder();
        string broken = folder.Write("in/broken.png", [1, 2, 3]);
        CliResult result = await CliRunner.RunAsync("preprocess", broken, GoldenData.Image("gray.png"), "-o", folder.Root, "--quiet");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("broken.png", Assert.Single(result.ErrorLines));
        result = await CliRunner.RunAsync("weights", "synth", "-o", folder.Path("w.safetensors"), "--quiet");
        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Error);
    }
}
