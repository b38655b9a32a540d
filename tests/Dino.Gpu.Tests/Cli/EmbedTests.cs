using System.Text.Json;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino embed</c> on good images.</summary>
public sealed class EmbedTests : IDisposable
{
    private static readonly string Chelsea = GoldenData.Image("chelsea.png");
    private static readonly string Rocket = GoldenData.Image("rocket.jpg");
    private static readonly string Gray = GoldenData.Image("gray.png");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>5e-5: the float32 limit of Golden/README.md.</summary>
    [Fact]
    public async Task Tokens_of_the_synthetic_model_are_those_of_the_reference()
    {
        string file = _folder.Path("t.npy");
        CliResult result = await CliRunner.RunAsync(
            "embed", Chelsea, "--weights", "synthetic", "--device", "cpu", "--output", "tokens", "-o", file);

        Assert.Equal(0, result.ExitCode);
        Npy tokens = Npy.Read(file);
        Assert.Equal([1, 197, 384], tokens.Shape);
        AssertClose(GoldenData.Model("chelsea.last_hidden_state").Floats, tokens.Floats, 5e-5f);
    }

    /// <summary>2e-5: the limit of Golden/README.md for the tiny checkpoints.</summary>
    [Fact]
    public async Task Tokens_of_a_checkpoint_are_those_of_the_reference()
    {
        Npy tokens = await EmbedAsync("t.npy", Chelsea, "--output", "tokens");
        Assert.Equal([1, 17, 48], tokens.Shape);
        AssertClose(Npy.Read(GoldenData.PathOf("checkpoints", "tiny_hf.last_hidden_state.npy")).Floats, tokens.Floats, 2e-5f);
    }

    [Fact]
    public async Task Rows_have_the_order_of_the_inputs()
    {
        string list = _folder.Write("list.txt", $"{Rocket}\n{Gray}\n");
        Npy all = await EmbedAsync("all.npy", Gray, Chelsea, "@" + list);
        Assert.Equal([4, 48], all.Shape);
        string[] order = [Gray, Chelsea, Rocket, Gray];
        for (int i = 0; i < order.Length; i++)
        {
            Npy one = await EmbedAsync("one.npy", order[i]);
            Assert.Equal(one.Floats, all.Floats.AsSpan(i * 48, 48).ToArray());
        }
    }

    [Theory]
    [InlineData("npy")]
    [InlineData("jsonl")]
    public async Task Any_batch_size_gives_the_same_bytes(string format)
    {
        string broken = _folder.Write("in/broken.png", [1, 2, 3]);
        byte[]? first = null;
        foreach (string batch in new[] { "1", "3", "8" })
        {
            string file = _folder.Path($"{batch}.{format}");
            CliResult result = await CliRunner.EmbedTinyAsync(Chelsea, broken, GoldenData.PathOf("images"), "--batch", batch, "-o", file);
            Assert.Equal(3, result.ExitCode);
            byte[] bytes = File.ReadAllBytes(file);
            first ??= bytes;
            Assert.Equal(first, bytes);
        }
    }

    [Fact]
    public async Task Batches_of_the_whole_model_give_the_same_bytes()
    {
        string[] images = [Chelsea, Rocket, Gray, GoldenData.Image("rgba.png"), GoldenData.Image("one_pixel.png")];
        byte[]? first = null;
        foreach (string batch in new[] { "1", "3", "8" })
        {
            string file = _folder.Path($"{batch}.npy");
            CliResult result = await CliRunner.RunAsync(
                ["embed", .. images, "--weights", "synthetic", "--device", "cpu", "--batch", batch, "-o", file]);
            Assert.Equal(0, result.ExitCode);
            byte[] bytes = File.ReadAllBytes(file);
            first ??= bytes;
            Assert.Equal(first, bytes);
        }
    }

    [Theory]
    [InlineData("cls", 48)]
    [InlineData("mean", 48)]
    [InlineData("cls+mean", 96)]
    [InlineData("tokens", 17, 48)]
    [InlineData("patches", 4, 4, 48)]
    public async Task Every_output_has_its_shape_and_agrees_with_the_tokens(string output, params int[] rowShape)
    {
        float[] tokens = (await EmbedAsync("tokens.npy", Chelsea, "--output", "tokens")).Floats;
        float[] mean = [.. Enumerable.Range(0, 48)
            .Select(column => (float)Enumerable.Range(1, 16).Average(token => (double)tokens[token * 48 + column]))];
        float[] expected = output switch
        {
            "cls" => tokens[..48],
            "mean" => mean,
            "cls+mean" => [.. tokens[..48], .. mean],
            "tokens" => tokens,
            _ => tokens[48..],
        };

        Npy file = await EmbedAsync("o.npy", Chelsea, "--output", output);
        Assert.Equal([1, .. rowShape], file.Shape);
        AssertClose(expected, file.Floats, 1e-6f);
    }

    [Fact]
    public async Task Normalized_rows_have_length_1()
    {
        Npy rows = await EmbedAsync("n.npy", Chelsea, Rocket, "--normalize");
        foreach (float[] row in rows.Floats.Chunk(48))
            Assert.Equal(1, row.Sum(value => (double)value * value), 1e-6);
    }

    [Fact]
    public async Task Json_lines_carry_the_same_float32_values()
    {
        Npy rows = await EmbedAsync("r.npy", Chelsea, Rocket);
        CliResult result = await CliRunner.EmbedTinyAsync(Chelsea, Rocket);
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(2, result.OutputLines.Length);
        float[] values = [.. result.OutputLines
            .SelectMany(line => JsonDocument.Parse(line).RootElement.GetProperty("embedding").EnumerateArray())
                .Select(number => number.GetSingle())];
        Assert.Equal(rows.Floats, values);
        Assert.Equal(
            [Chelsea, Rocket], result.OutputLines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("path").GetString()));
    }

    /// <summary>As in an empty partition of a larger job; a file without rows is still a mistake.</summary>
    [Theory]
    [InlineData("jsonl", 0)]
    [InlineData("csv", 1)]
    public async Task Empty_standard_input_is_no_rows_on_standard_output(string format, int lines)
    {
        string[] arguments = ["embed", "-", "--weights", CliRunner.TinyWeights, "--device", "cpu"];
        CliResult result = await CliRunner.RunWithInputAsync("\n", [.. arguments, "--format", format]);
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(lines, result.OutputLines.Length);
        CliResult file = await CliRunner.RunWithInputAsync("", [.. arguments, "-o", _folder.Path($"o.{format}")]);
        Assert.Contains("no paths on standard input", file.FatalLine());
    }

    [Fact]
    public async Task Blank_line_is_a_row_that_fails()
    {
        string[] arguments = ["embed", "-", "--weights", CliRunner.TinyWeights, "--device", "cpu"];
        CliResult result = await CliRunner.RunWithInputAsync($"{Rocket}\n\n{Chelsea}\n\n", arguments);
        Assert.Equal(3, result.ExitCode);
        Assert.Equal(3, result.OutputLines.Length);
        Assert.Contains("\"error\":\"empty line\"", result.OutputLines[1]);
    }

    [Fact]
    public async Task Paths_come_from_standard_input()
    {
        CliResult result = await CliRunner.RunWithInputAsync(
            $"{Rocket}\n{Chelsea}\n", "embed", "-", "--weights", CliRunner.TinyWeights, "--device", "cpu");
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(
            [Rocket, Chelsea], result.OutputLines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("path").GetString()));
    }

    [Fact]
    public async Task Size_and_interpolation_reach_the_model()
    {
        Npy size = await EmbedAsync("s.npy", Chelsea, "--size", "48x40", "--output", "patches");
        Npy scale = await EmbedAsync("c.npy", Chelsea, "--size", "48x40", "--output", "patches", "--interpolation", "scale");
        Assert.Equal([1, 5, 6, 48], size.Shape);
        Assert.Equal([1, 5, 6, 48], scale.Shape);
        Assert.NotEqual(size.Floats, scale.Floats);
    }

    [Fact]
    public async Task Preprocessing_options_reach_the_model()
    {
        string turned = GoldenData.Image("exif_orientation6.jpg");
        float[] plain = (await EmbedAsync("p.npy", turned)).Floats;
        Assert.NotEqual(plain, (await EmbedAsync("p.npy", turned, "--exif", "ignore")).Floats);
        Assert.NotEqual(plain, (await EmbedAsync("p.npy", turned, "--preprocess", "dino")).Floats);
        Assert.Equal(plain, (await EmbedAsync("p.npy", turned, "--decoder", "stb")).Floats);
        Assert.NotEqual(plain, (await EmbedAsync("p.npy", turned, "--decode", "fast")).Floats);
        Assert.Equal(plain, (await EmbedAsync("p.npy", turned, "--threads", "1")).Floats);
    }

    [Fact]
    public async Task One_line_sums_up_and_quiet_says_nothing()
    {
        string file = _folder.Path("x.npy");
        CliResult loud = await CliRunner.EmbedTinyAsync(Chelsea, "-o", file);
        Assert.Contains("1 image in", Assert.Single(loud.ErrorLines));
        CliResult quiet = await CliRunner.EmbedTinyAsync(Chelsea, "-o", file, "--quiet");
        Assert.Empty(quiet.Error);
        Assert.Empty(quiet.Output);
    }

    [Fact]
    public async Task A_file_that_is_there_is_replaced_only_by_a_whole_one()
    {
        string file = _folder.Path("x.npy");
        await EmbedAsync("x.npy", GoldenData.Image("gray.png"));
        byte[] precious = await File.ReadAllBytesAsync(file);
        CliResult failed = await CliRunner.RunAsync(
            "embed", Chelsea, "-o", file, "--weights", CliRunner.TinyWeights, "--device", "cuda:99");
        failed.FatalLine();
        Assert.Equal(precious, await File.ReadAllBytesAsync(file));
        await EmbedAsync("x.npy", Chelsea);
        Assert.NotEqual(precious, await File.ReadAllBytesAsync(file));
        Assert.Equal([file], _folder.Files);
    }

    [Fact]
    public async Task Batch_and_device_lists_are_chosen_or_refused_in_one_line()
    {
        CliResult automatic = await CliRunner.EmbedTinyAsync(Chelsea, "--batch", "auto", "--verbose");
        Assert.Equal(0, automatic.ExitCode);
        Assert.Contains("batch 32", automatic.Error);
        Assert.Equal((await CliRunner.EmbedTinyAsync(Chelsea, "--batch", "1")).Output, automatic.Output);
        Assert.Contains(
            "cpu twice",
            (await CliRunner.RunAsync("embed", Chelsea, "--weights", CliRunner.TinyWeights, "--device", "cpu,cpu")).FatalLine());
        Assert.Contains(
            "cuda:99",
            (await CliRunner.RunAsync("embed", Chelsea, "--weights", CliRunner.TinyWeights, "--device", "cpu,cuda:99")).FatalLine());
    }

    private async Task<Npy> EmbedAsync(string name, params string[] arguments)
    {
        string file = _folder.Path(name);
        CliResult result = await CliRunner.EmbedTinyAsync([.. arguments, "-o", file]);
        Assert.True(result.ExitCode == 0, result.Error);
        return Npy.Read(file);
    }

    private static void AssertClose(float[] expected, float[] actual, float limit)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= limit, $"value {i}: expected {expected[i]:R}, found {actual[i]:R}");
    }
}
