using System.Text.Json;
using Dino.Gpu.Features;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Poolings of <c>dino embed --output</c>, with a model of 3 layers and hidden size 48.</summary>
public sealed class PoolingOutputTests
{
    private static readonly string Chelsea = GoldenData.Image("chelsea.png");

    [Theory]
    [InlineData("gem", 48)]
    [InlineData("cls+gem", 96)]
    [InlineData("last2", 96)]
    [InlineData("last3+mean", 192)]
    public async Task Rows_are_those_of_the_library(string output, int length)
    {
        using var folder = new TemporaryFolder();
        CliResult result = await CliRunner.EmbedTinyAsync(
            Chelsea, GoldenData.Image("gray.png"), "--output", output, "-o", folder.Path("o.npy"));
        Assert.Equal(0, result.ExitCode);
        using var encoder = DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu" });
        var expected = new List<float>();
        foreach (string image in new[] { Chelsea, GoldenData.Image("gray.png") })
            expected.AddRange(encoder.Pool([encoder.Prepare(image)], Pooling.Parse(output)!)[0]);
        Npy file = Npy.Read(folder.Path("o.npy"));
        Assert.Equal([2, length], file.Shape);
        Assert.Equal(expected, file.Floats);

        // A run resumes, and records its pooling.
        for (int run = 0; run < 2; run++)
            Assert.Equal(0, (await CliRunner.EmbedTinyAsync(Chelsea, "--output", output, "-o", folder.Path("out"))).ExitCode);
        using (var record = JsonDocument.Parse(File.ReadAllBytes(folder.Path("out", "run.json"))))
            Assert.Equal(output, record.RootElement.GetProperty("provenance").GetProperty("output").GetString());
        Assert.Equal(
            length,
            Npy.Read(
                Assert.Single(folder.Files, path => path.EndsWith(".npy", StringComparison.Ordinal) && path.Contains("shard"))).Shape[1]);
    }

    [Fact]
    public async Task More_blocks_than_the_model_has_are_refused()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(
            "this model has 3 blocks",
            (await CliRunner.EmbedTinyAsync(Chelsea, "--output", "last4", "-o", folder.Path("o.npy"))).FatalLine());
        Assert.Empty(folder.Files);
    }

    [Theory]
    [InlineData("last0")]
    [InlineData("last4+tokens")]
    [InlineData("gem+mean")]
    [InlineData("multiscale:")]
    [InlineData("multiscale:1,0")]
    [InlineData("multiscale:1,17")]
    [InlineData("multiscale:1;0.5")]
    public async Task Wrong_names_are_told_what_there_is(string output)
    {
        CliResult result = await CliRunner.EmbedTinyAsync(Chelsea, "--output", output);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"--output: expected {Pooling.Names}, multiscale", result.ErrorLines[0]);
        Assert.Contains($"found '{output}'", result.ErrorLines[0]);
    }

    [Theory]
    [InlineData("multiscale", new[] { 1, 0.70710678118654752, 0.5 })]
    [InlineData("multiscale:1.5,0.75", new[] { 1.5, 0.75 })]
    public async Task Several_scales_are_those_of_the_library(string output, double[] scales)
    {
        using var folder = new TemporaryFolder();
        CliResult result = await CliRunner.EmbedTinyAsync(
            Chelsea, GoldenData.Image("gray.png"), "--output", output, "-o", folder.Path("o.npy"));
        Assert.Equal(0, result.ExitCode);
        using var encoder = DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu" });
        float[] expected = encoder.ForwardMultiScale(
            [encoder.Prepare(Chelsea), encoder.Prepare(GoldenData.Image("gray.png"))], scales).ClassToken!.Data;
        Npy file = Npy.Read(folder.Path("o.npy"));
        Assert.Equal([2, 48], file.Shape);
        Assert.Equal(expected, file.Floats);
        for (int run = 0; run < 2; run++)
            Assert.Equal(0, (await CliRunner.EmbedTinyAsync(Chelsea, "--output", output, "-o", folder.Path("out"))).ExitCode);
        CliResult other = await CliRunner.EmbedTinyAsync(Chelsea, "--output", "cls", "-o", folder.Path("out"));
        Assert.Contains("output was multiscale", other.FatalLine());
    }

    /// <summary>Known before the first picture is read: no run is begun.</summary>
    [Theory]
    [InlineData("o.npy")]
    [InlineData("out/")]
    public async Task A_scale_without_a_patch_is_refused(string output)
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(
            "which hold no patch",
            (await CliRunner.EmbedTinyAsync(Chelsea, "--output", "multiscale:1,0.2", "-o", folder.Path(output))).FatalLine());
        Assert.Empty(folder.Files);
    }
}
