using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Devices;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino devices</c>: every accelerator of this machine, what <c>auto</c> picks, and why one cannot be used.</summary>
internal static class DevicesCommand
{
    public const string Examples = """
          dino devices
          dino devices --json
          dino embed photos -o photos.npy --device cpu     the id goes after --device
        """;

    public static Command Create(CliConsole console)
    {
        var json = new Option<bool>("--json") { Description = "A JSON array instead of a table." };
        var command = new Command("devices", "List the accelerators: memory, driver, what --device auto picks, why one is refused.") { json };
        command.SetAction(parsed =>
        {
            IReadOnlyList<DeviceInfo> devices = DeviceCatalog.Enumerate();
            if (parsed.GetValue(json))
                WriteJson(devices, console.Output);
            else
                WriteTable(devices, parsed.InvocationConfiguration.Output, console.OutputIsTerminal);
            return ExitCode.Success;
        });
        return command;
    }

    private static void WriteTable(IReadOnlyList<DeviceInfo> devices, TextWriter output, bool toTerminal)
    {
        IAnsiConsole ansi = TableOutput.Create(output, toTerminal);
        Table table = new Table().Border(TableBorder.Simple).AddColumns("id", "name", "kernels", "precisions", "memory", "driver", "use");
        foreach (DeviceInfo device in devices)
        {
            table.AddRow(
                new Text(device.Id),
                new Text(device.Name),
                new Text(device.Family.ToString()),
                new Text(string.Join(' ', device.Precisions.Select(PrecisionSupport.NameOf))),
                new Text(Memory(device.MemorySize)),
                new Text(device.Driver),
                new Text(Use(device)));
        }

        ansi.Write(table);
    }

    private static string Use(DeviceInfo device) =>
        device.Refusal is { } refusal ? $"no: {refusal}"
        : device.IsAutomaticChoice ? "yes, picked by auto"
        : "yes";

    private static string Memory(long bytes) => bytes <= 0
        ? "?"
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):F1} GiB");

    private static void WriteJson(IReadOnlyList<DeviceInfo> devices, Stream output)
    {
        using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartArray();
        foreach (DeviceInfo device in devices)
        {
            json.WriteStartObject();
            json.WriteString("id", device.Id);
            json.WriteString("name", device.Name);
            json.WriteString("kernels", device.Family.ToString());
            json.WriteStartArray("precisions");
            foreach (Precision precision in device.Precisions)
                json.WriteStringValue(PrecisionSupport.NameOf(precision));
            json.WriteEndArray();
            json.WriteNumber("memoryBytes", device.MemorySize);
            json.WriteString("driver", device.Driver);
            json.WriteBoolean("usable", device.Refusal is null);
            json.WriteBoolean("auto", device.IsAutomaticChoice);
            json.WriteString("refusal", device.Refusal);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.Flush();
        output.Write("\n"u8);
    }
}
