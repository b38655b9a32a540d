using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Devices;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// <c>dino devices</c>: lists the accelerators, which one <c>auto</c> picks, and why one cannot be used.
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
        Option<bool> json = Parsing.Json("Print a JSON array.");
        var command = new CliCommand("devices", "List the accelerators, and which one --device auto picks.", Examples) { json };
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
