using System.Text.Json;
using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Devices;

namespace Dino.Gpu.Tests.Cli;

public sealed class DevicesTests
{
    [Fact]
    public async Task Table_lists_the_CPU()
    {
        CliResult result = await CliRunner.RunAsync("devices");
        Assert.Equal(0, result.ExitCode);
        Assert.Single(result.OutputLines, line => line.StartsWith("cpu ", StringComparison.Ordinal));
        Assert.All(result.OutputLines, line => Assert.InRange(line.Length, 1, 80));
        Assert.DoesNotContain("\u001b", result.Output); // no colors in a pipe
    }

    [Fact]
    public async Task Verbose_has_everything_about_each_device()
    {
        CliResult result = await CliRunner.RunAsync("devices", "--verbose");
        Assert.Equal(0, result.ExitCode);
        string cpu = result.Output[result.Output.IndexOf("cpu: ", StringComparison.Ordinal)..];
        Assert.Matches(@"kernels +Simd\n +precisions +fp32(, bf16)?(, int8)?\n +driver +\.NET", cpu);
    }

    [Fact]
    public void A_long_name_is_cut_and_a_refused_device_has_a_note()
    {
        using var output = new MemoryStream();
        using var error = new StringWriter();
        var console = new CliConsole { Input = TextReader.Null, Output = output, Error = error };
        DeviceInfo[] devices =
        [
            Device("cpu", "AMD EPYC 9R14 96-Core Processor with a name that \e[31mnever seems to end, 192 threads", null),
            Device("opencl:0", "pthread", "no float64"),
        ];
        new DeviceReport(devices, console).WriteLines();
        string[] lines = System.Text.Encoding.UTF8.GetString(output.ToArray()).Split(
            '\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal(3, lines.Length);
        Assert.All(lines, line => Assert.InRange(line.Length, 1, 80));
        Assert.Matches(@"^cpu +AMD EPYC .*\.\.\. +1\.5 GiB +yes, auto$", lines[1]);
        Assert.Matches(@"^opencl:0 +pthread +1\.5 GiB +no$", lines[2]);
        Assert.StartsWith("dino: note: ", error.ToString());
    }

    private static DeviceInfo Device(string id, string name, string? refusal) => new()
    {
        Id = id,
        Name = name,
        MemorySize = 3L << 29,
        Driver = "1",
        Family = KernelFamily.Simd,
        Refusal = refusal,
        IsAutomaticChoice = refusal is null,
    };

    [Fact]
    public async Task Json_has_one_automatic_choice_and_it_can_be_used()
    {
        CliResult result = await CliRunner.RunAsync("devices", "--json");
        Assert.Equal(0, result.ExitCode);
        JsonElement[] devices = [.. JsonDocument.Parse(result.Output).RootElement.EnumerateArray()];
        JsonElement choice = Assert.Single(devices, device => device.GetProperty("auto").GetBoolean());
        Assert.True(choice.GetProperty("usable").GetBoolean());
        JsonElement cpu = Assert.Single(devices, device => device.GetProperty("id").GetString() == "cpu");
        Assert.Equal(
            PrecisionSupport.Cpu.Select(PrecisionSupport.NameOf),
            cpu.GetProperty("precisions").EnumerateArray().Select(precision => precision.GetString()));
    }
}
