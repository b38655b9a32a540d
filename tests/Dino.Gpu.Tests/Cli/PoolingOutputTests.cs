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
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(Chelsea, GoldenData.Image("gray.png"), "--output", output, "-o", folder.Path("o.npy"))).ExitCode);
        using var encoder = DinoEncoder.Load(CliRunner.TinyWeights, new DinoOptions { Device = "cpu" });
        var expected = new List<float>();
        foreach (string image in new[] { Chelsea, GoldenData.Image("gray.png") })
            expected.AddRange(encoder.Pool([encoder.Prepare(image)], Pooling.Parse(output)!)[0]);
        Npy file = Npy.Read(folder.Path("o.npy"));
        Assert.Equal([2, length], file.Shape);
        Assert.Equal(expected, file.Floats);

        // A run can be gone on with, and tells its pooling.
        for (int run = 0; run < 2; run++)
            Assert.Equal(0, (await CliRunner.EmbedTinyAsync(Chelsea, "--output", output, "-o", folder.Path("out"))).ExitCode);
        using (var record = JsonDocument.Parse(File.ReadAllBytes(folder.Path("out", "run.json"))))
            Assert.Equal(output, record.RootElement.GetProperty("pooling").GetString());
        Assert.Equal(length, Npy.Read(Assert.Single(folder.Files, path => path.EndsWith(".npy", StringComparison.Ordinal) && path.Contains("shard"))).Shape[1]);
    }

    [Fact]
    public async Task More_blocks_than_the_model_has()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("this model has 3 blocks", (await CliRunner.EmbedTinyAsync(Chelsea, "--output", "last4", "-o", folder.Path("o.npy"))).FatalLine());
        Assert.Empty(folder.Files);
    }

    [Theory]
    [InlineData("last0")]
    [InlineData("last4+tokens")]
    [InlineData("gem+mean")]
    public async Task Wrong_names_are_told_what_there_is(string output)
    {
        CliResult result = await CliRunner.EmbedTinyAsync(Chelsea, "--output", output);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"--output: expected cls, mean, gem, cls+mean, cls+gem, lastN, lastN+mean, lastN+gem, tokens or patches, found '{output}'", result.ErrorLines[0]);
    }
}
