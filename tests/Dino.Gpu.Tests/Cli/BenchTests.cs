using System.Text.Json;
using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Devices;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary><c>dino bench</c>: that it measures and reports what it says; how fast is no matter of a test.</summary>
public sealed class BenchTests
{
    [Fact]
    public async Task Json_has_every_batch_step_and_the_end_to_end_run()
    {
        CliResult result = await BenchTinyAsync(
            GoldenData.PathOf("images", "chelsea.png"), GoldenData.PathOf("images", "rgba.png"), "--batches", "1,3", "--json");
        Assert.Equal(0, result.ExitCode);
        JsonElement report = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal("cpu", report.GetProperty("device").GetString());
        Assert.True(report.GetProperty("peakFlops").GetDouble() > 1e9);
        Assert.Equal("fp32 multiply-add peak", report.GetProperty("peakOf").GetString());
        Assert.Equal("fp32", report.GetProperty("precision").GetString());
        Assert.Equal(
            ["1 cls", "1 tokens", "3 cls", "3 tokens"],
            report.GetProperty("modelOnly").EnumerateArray().Select(
                entry => $"{entry.GetProperty("batch").GetInt32()} {entry.GetProperty("outputs").GetString()}"));
        foreach (JsonElement entry in report.GetProperty("modelOnly").EnumerateArray())
        {
            double rate = entry.GetProperty("imagesPerSecond").GetDouble();
            Assert.Equal(entry.GetProperty("batch").GetInt32() / entry.GetProperty("seconds").GetDouble(), rate, rate * 1e-9);
        }

        JsonElement[] steps = [.. report.GetProperty("steps").EnumerateArray()];
        Assert.Contains(steps, step => step.GetProperty("name").GetString() == "Attention" && step.GetProperty("flops").GetDouble() > 0);
        Assert.Equal(1, steps.Sum(step => step.GetProperty("shareOfTime").GetDouble()), 1e-9);
        Assert.Equal(2, report.GetProperty("endToEnd").GetProperty("images").GetInt32());
        Assert.Equal(
            ["640x427 skia", "640x427 skia-fast", "640x427 stb", "1800x1200 skia", "1800x1200 skia-fast", "1800x1200 stb"],
            report.GetProperty("decode").EnumerateArray().Select(
                entry => $"{entry.GetProperty("size").GetString()} {entry.GetProperty("decoder").GetString()}"));
        Assert.All(
            report.GetProperty("decode").EnumerateArray(), entry => Assert.True(entry.GetProperty("imagesPerSecond").GetDouble() > 0));
        Assert.Empty(report.GetProperty("products").EnumerateArray()); // cuBLAS is the yardstick of CUDA devices
    }

    [Fact]
    public async Task Table_shows_the_device_and_the_generated_pictures()
    {
        CliResult result = await BenchTinyAsync("--batches", "2", "--quiet");
        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Error);
        Assert.StartsWith("cpu: ", result.Output);
        Assert.Contains("generated JPEGs of 500x375", result.Output);
        Assert.Contains(", fp32; measured fp32 multiply-add peak ", result.Output);
        Assert.Contains("share of fp32 multiply-add peak", result.Output);
    }

    [Fact]
    public async Task The_model_can_be_measured_alone()
    {
        CliResult result = await BenchTinyAsync("--batches", "2", "--model-only", "--json");
        Assert.Equal(0, result.ExitCode);
        Assert.DoesNotContain("decode", result.Error, StringComparison.Ordinal);
        JsonElement report = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal(2, report.GetProperty("modelOnly").GetArrayLength());
        Assert.True(report.GetProperty("steps").GetArrayLength() > 0);
        Assert.Equal(0, report.GetProperty("decode").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, report.GetProperty("endToEnd").ValueKind);
        result = await BenchTinyAsync("--batches", "2", "--model-only");
        Assert.Contains("steps, cls, batch 2", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("JPEG", result.Output, StringComparison.Ordinal);
        result = await BenchTinyAsync("picture.jpg", "--model-only");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("--model-only: expected no INPUT", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Precision.Float32, KernelFamily.Simd, "fp32 multiply-add peak")]
    [InlineData(Precision.TensorFloat32, KernelFamily.TensorCore, "tf32 tensor peak")]
    [InlineData(Precision.BFloat16, KernelFamily.TensorCore, "bf16 tensor peak")]
    [InlineData(Precision.Float16, KernelFamily.TensorCore, "fp16 tensor peak")]
    [InlineData(Precision.BFloat16, KernelFamily.Generated, "bf16 multiply-add peak")]
    [InlineData(Precision.Int8, KernelFamily.Generated, "int8 multiply-add peak")]
    public void Shares_are_of_the_peak_of_the_units_that_multiply(Precision precision, KernelFamily family, string name) =>
        Assert.Equal(name, BenchJob.PeakName(precision, family));

    [Fact]
    public async Task A_bad_image_ends_the_run_with_one_line()
    {
        CliResult result = await BenchTinyAsync(GoldenData.PathOf("preprocess.json"), "--batches", "1", "--quiet");
        Assert.Contains("preprocess.json", result.FatalLine());
    }

    /// <summary>Measuring takes minutes, and what it found would be lost.</summary>
    [Fact]
    public async Task A_bad_image_is_found_before_anything_is_measured()
    {
        string[] good = [.. Enumerable.Repeat(GoldenData.Image("tiny_5x7.png"), 40)]; // more than are timed alone
        CliResult result = await BenchTinyAsync([.. good, GoldenData.PathOf("preprocess.json"), "--batches", "1"]);
        Assert.Equal(1, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.DoesNotContain("measuring", result.Error);
        Assert.Contains("preprocess.json", result.ErrorLines[^1]);
    }

    [Theory]
    [InlineData("--batches", "0")]
    [InlineData("--batches", "8,x")]
    [InlineData("--rounds", "0")]
    public async Task Wrong_numbers_are_wrong_usage(string option, string value)
    {
        CliResult result = await CliRunner.RunAsync("bench", option, value);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(option, result.Error);
    }

    private static Task<CliResult> BenchTinyAsync(params string[] arguments) =>
        CliRunner.RunAsync(["bench", "--weights", CliRunner.TinyWeights, "--device", "cpu", "--rounds", "1", .. arguments]);
}
