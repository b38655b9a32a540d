using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Devices;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// <c>dino devices</c>: every accelerator of this machine, what <c>auto</c> picks, and why one cannot be used.
/// </summary>
internal static class DevicesCommand
{
    private const string Examples = """
        dino devices
        # kernels, precisions, driver, and why a device is refused
        dino devices --verbose
        dino devices --json
        # the id goes after --device
        dino embed photos -o photos.npy --device cpu
        """;

    public static Command Create(CliConsole console)
    {
        var json = new Option<bool>("--json") { Description = "Print a JSON array." };
        var command = new CliCommand("devices", "List the accelerators, one a line, and which one --device auto picks.", Examples) { json };
        command.SetAction(parsed =>
        {
            var report = new DeviceReport(DeviceCatalog.Enumerate(), console);
            if (parsed.GetValue(json))
                report.WriteJson();
            else if (console.IsVerbose)
                report.WriteAll();
            else
                report.WriteLines();
            return ExitCode.Success;
        });
        return command;
    }
}
