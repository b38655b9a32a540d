using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>
/// JSON on standard output, in UTF-8. It is data, not HTML: letters of other languages stay readable.
/// </summary>
internal static class JsonOutput
{
    private static readonly JsonWriterOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonWriterOptions Indented = OneLine with { Indented = true };

    /// <summary>Writes an object and a line feed.</summary>
    /// <param name="console">Its output is used.</param>
    /// <param name="value">The object.</param>
    /// <param name="type">How it is written.</param>
    public static void WriteJson<T>(this CliConsole console, T value, JsonTypeInfo<T> type)
    {
        JsonSerializer.Serialize(console.Output, value, type);
        console.Output.Write("\n"u8);
    }

    /// <summary>Writes one value and a line feed.</summary>
    /// <param name="console">Its output is used.</param>
    /// <param name="write">Writes the value.</param>
    /// <param name="indented">Whether the value takes several lines.</param>
    public static void WriteJson(this CliConsole console, Action<Utf8JsonWriter> write, bool indented = false)
    {
        using (var json = new Utf8JsonWriter(console.Output, indented ? Indented : OneLine))
            write(json);
        console.Output.Write("\n"u8);
    }
}
