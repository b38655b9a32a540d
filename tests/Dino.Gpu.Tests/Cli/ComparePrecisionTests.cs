using System.Text.Json;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Devices;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino compare-precision</c>, and the figures that it prints.</summary>
public sealed class ComparePrecisionTests
{
    [Fact]
    public async Task It_compares_every_precision_of_the_device_with_float32()
    {
        Assert.SkipUnless(PrecisionSupport.Cpu.Count > 1, "this CPU computes in float32 only");
        CliResult result = await CliRunner.RunAsync(
            "compare-precision", SourceTree.Find("samples"), "--device", "cpu", "-w", "synthetic", "--json", "-q");
        Assert.Equal(0, result.ExitCode);
        JsonElement[] rows = [.. JsonDocument.Parse(result.Output).RootElement.EnumerateArray()];
        Assert.Equal(
            PrecisionSupport.Cpu.Skip(1).Select(PrecisionSupport.NameOf), rows.Select(row => row.GetProperty("precision").GetString()));
        foreach (JsonElement row in rows)
        {
            Assert.Equal(4, row.GetProperty("images").GetInt32());
            Assert.InRange(row.GetProperty("leastCosine").GetDouble(), 0.999, 1);
            Assert.InRange(row.GetProperty("largestDifference").GetDouble(), 1e-4, 1); // another precision has other bytes
            Assert.Equal(1, row.GetProperty("nearestTen").GetDouble()); // three others, all of them near
        }
    }

    [Fact]
    public async Task Paths_on_standard_input_serve_every_precision()
    {
        Assert.SkipUnless(PrecisionSupport.Cpu.Count > 1, "this CPU computes in float32 only");
        string picture = GoldenData.Image("tiny_5x7.png");
        CliResult result = await CliRunner.RunWithInputAsync(
            picture + "\n", "compare-precision", "-", "--device", "cpu", "-w", CliRunner.TinyWeights, "--json", "-q");
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(PrecisionSupport.Cpu.Count - 1, JsonDocument.Parse(result.Output).RootElement.GetArrayLength());
    }

    [Fact]
    public async Task A_picture_that_cannot_be_read_is_named_once()
    {
        Assert.SkipUnless(PrecisionSupport.Cpu.Count > 1, "this CPU computes in float32 only");
        using var folder = new TemporaryFolder();
        string broken = folder.Write("broken.png", "no picture");
        CliResult result = await CliRunner.RunAsync(
            "compare-precision", broken, GoldenData.Image("tiny_5x7.png"), "--device", "cpu", "-w", CliRunner.TinyWeights, "--json");
        Assert.Equal(3, result.ExitCode);
        Assert.Single(result.ErrorLines, line => line.Contains(broken, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--precision", "bf16")]
    [InlineData("--force")]
    public async Task Options_without_effect_are_wrong_usage(params string[] options) =>
        Assert.Contains(options[0], (await CliRunner.RunAsync(["compare-precision", "a.jpg", .. options])).UsageLine());

    [Fact]
    public async Task A_missing_picture_is_named() => Assert.Contains(
        "no_such.jpg", (await CliRunner.RunAsync("compare-precision", "no_such.jpg", "-w", "synthetic")).FatalLine());

    [Fact]
    public void The_figures_are_those_of_the_vectors()
    {
        EmbeddingTable reference = Table([1, 0], [0, 1], [1, 0.1f]);
        EmbeddingTable other = Table([1, 0], [0.6f, 0.8f], [0.1f, 1]);
        PrecisionResult agreement = new PrecisionAgreement(reference).Of("bf16", other);
        Assert.Equal(3, agreement.Images);
        double last = 0.2 / 1.01; // (1, 0.1) and (0.1, 1)
        Assert.Equal((1 + 0.8 + last) / 3, agreement.MeanCosine, 6);
        Assert.Equal(last, agreement.LeastCosine, 6);
        Assert.Equal("2.png", agreement.LeastPath);
        Assert.Equal(0.9, agreement.LargestDifference, 6);
        // Nearest before: 2, 2, 0. After: 1, 2, 1.
        Assert.Equal(1.0 / 3, agreement.Nearest!.Value, 6);
        Assert.Equal(1, agreement.NearestTen!.Value, 6);
        Assert.Null(new PrecisionAgreement(Table([1, 0])).Of("bf16", Table([1, 0])).Nearest);
    }

    private static EmbeddingTable Table(params float[][] vectors)
    {
        var builder = new EmbeddingTable.Builder("test", [2], []);
        for (int i = 0; i < vectors.Length; i++)
            builder.Add(new RowInfo { Row = i, Path = $"{i}.png" }, vectors[i]);
        return builder.Build(null);
    }
}
