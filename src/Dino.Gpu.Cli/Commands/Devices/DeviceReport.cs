using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Devices;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Devices on standard output.</summary>
internal sealed class DeviceReport(IReadOnlyList<DeviceInfo> devices, CliConsole console)
{
    private const int LineLength = 80;
    private const string Ellipsis = "...";

    /// <summary>Writes one line per device.</summary>
    public void WriteLines()
    {
        int id = Width("id", devices.Select(device => device.Id));
        int memory = Width("memory", devices.Select(Memory));
        int use = Width("use", devices.Select(Use));
        int name = Math.Min(Width("name", devices.Select(device => device.Name)), LineLength - id - memory - use);
        Line("id", "name", "memory", "use");
        foreach (DeviceInfo device in devices)
            Line(device.Id, device.Name, Memory(device), Use(device));
        if (devices.Any(device => device.Refusal is not null))
            console.Note("'dino devices --verbose' says why a device cannot be used");

        void Line(params string[] cells) => console.Text.WriteLine(
            $"{Cell(cells[0], id)}{Cell(cells[1], name)}{Cell(cells[2], memory)}{TerminalText.Visible(cells[3])}".TrimEnd());
    }

    /// <summary>Writes everything about each device.</summary>
    public void WriteAll()
    {
        foreach (DeviceInfo device in devices)
        {
            console.Text.WriteLine(TerminalText.Line($"{device.Id}: {device.Name}"));
            Line("use", device.Refusal is { } refusal ? $"no: {refusal}" : Use(device));
            Line("memory", Memory(device));
            Line("kernels", device.Family.ToString());
            Line("precisions", string.Join(", ", device.Precisions.Select(PrecisionSupport.NameOf)));
            Line("driver", device.Driver);
        }

        void Line(string name, string value) => console.Text.WriteLine($"  {name,-10}  {TerminalText.Line(value)}");
    }

    public void WriteJson() => console.WriteJson(WriteJson, indented: true);

    private void WriteJson(Utf8JsonWriter json)
    {
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
    }

    private static string Use(DeviceInfo device) => device.Refusal is not null ? "no" : device.IsAutomaticChoice ? "yes, auto" : "yes";

    private static string Memory(DeviceInfo device) => device.MemorySize <= 0
        ? "?"
        : string.Create(CultureInfo.InvariantCulture, $"{device.MemorySize / (double)(1L << 30):F1} GiB");

    /// <summary>The width of the longest cell, with the gap after it.</summary>
    private static int Width(string heading, IEnumerable<string> cells) => cells.Append(heading).Max(cell => cell.Length) + 2;

    private static string Cell(string text, int width)
    {
        string visible = TerminalText.Visible(text);
        int room = width - 2;
        return (visible.Length <= room ? visible : string.Concat(visible.AsSpan(0, room - Ellipsis.Length), Ellipsis)).PadRight(width);
    }
}
