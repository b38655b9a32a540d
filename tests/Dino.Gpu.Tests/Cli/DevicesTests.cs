using System.Text.Json;

namespace Dino.Gpu.Tests.Cli;

public sealed class DevicesTests
{
    [Fact]
    public async Task Table_lists_the_cpu()
    {
        CliResult result = await CliRunner.RunAsync("devices");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains(result.OutputLines, line => line.TrimStart().StartsWith("cpu ", StringComparison.Ordinal) && line.Contains("Simd", StringComparison.Ordinal));
        Assert.DoesNotContain("\u001b", result.Output); // no colors in a pipe
    }

    [Fact]
    public async Task Json_has_one_automatic_choice_and_it_can_be_used()
    {
        CliResult result = await CliRunner.RunAsync("devices", "--json");
        Assert.Equal(0, result.ExitCode);
        JsonElement[] devices = [.. JsonDocument.Parse(result.Output).RootElement.EnumerateArray()];
        JsonElement choice = Assert.Single(devices, device => device.GetProperty("auto").GetBoolean());
        Assert.True(choice.GetProperty("usable").GetBoolean());
        JsonElement cpu = Assert.Single(devices, device => device.GetProperty("id").GetString() == "cpu");
        Assert.Equal(["fp32"], cpu.GetProperty("precisions").EnumerateArray().Select(precision => precision.GetString()));
    }
}
