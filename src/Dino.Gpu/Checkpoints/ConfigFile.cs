using System.Text.Json;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>The small JSON files that Hugging Face keeps beside weights.</summary>
internal static class ConfigFile
{
    private const int MaxBytes = 1 << 20;

    /// <summary>Reads such a file beside a checkpoint; null if there is none.</summary>
    /// <param name="checkpointPath">The checkpoint.</param>
    /// <param name="name">The name of the file.</param>
    /// <param name="parse">Reads its object; errors are those of the file that it is given.</param>
    /// <exception cref="DinoException">It cannot be read, is no JSON object, or a value has the wrong type.</exception>
    public static T? Beside<T>(string checkpointPath, string name, Func<CheckpointFile, JsonElement, T> parse)
        where T : class
    {
        string path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(checkpointPath)) ?? ".", name);
        if (!File.Exists(path)) return null;
        using CheckpointFile file = CheckpointFile.Open(path);
        if (file.Length > MaxBytes) throw file.Error($"{file.Length} bytes, at most {MaxBytes} are read of a model's config");
        byte[] bytes = new byte[file.Length];
        file.Read(0, bytes, "the config");
        return Parse(file, bytes, parse);
    }

    /// <summary>Reads a JSON object.</summary>
    /// <exception cref="DinoException">It is none.</exception>
    public static T Parse<T>(CheckpointFile file, ReadOnlyMemory<byte> json, Func<CheckpointFile, JsonElement, T> parse)
    {
        try
        {
            // Editors of Windows begin a file with a byte order mark.
            using JsonDocument document = JsonDocument.Parse(json.Span.StartsWith("\uFEFF"u8) ? json["\uFEFF"u8.Length..] : json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? parse(file, document.RootElement)
                : throw file.Error("expected a JSON object");
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            throw file.Error("not valid JSON"); // InvalidOperationException: text that is not valid UTF-16
        }
    }

    /// <summary>A property that is there and not null.</summary>
    public static JsonElement? Value(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <exception cref="DinoException">It is there and no integer.</exception>
    public static int? Integer(CheckpointFile file, JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out JsonElement value)) return null;
        return IsInteger(value, out int number) ? number : throw Wrong(file, name, value, "an integer");
    }

    /// <summary>Whether a value is an integer of 32 bits.</summary>
    public static bool IsInteger(JsonElement value, out int number)
    {
        number = 0;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out number);
    }

    /// <exception cref="DinoException">It is there and no number.</exception>
    public static double? Number(CheckpointFile file, JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out JsonElement value)) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number)
            ? number
            : throw Wrong(file, name, value, "a number");
    }

    /// <summary>The line about a value of the wrong type.</summary>
    public static WeightsException Wrong(CheckpointFile file, string name, JsonElement value, string expected) =>
        file.Error($"{name} is {MessageText.Quote(value.ToString())}, expected {expected}");
}
