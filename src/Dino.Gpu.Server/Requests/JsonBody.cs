using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Dino.Gpu.Server.Requests;

/// <summary>Reads JSON bodies: no more values than a request has use for, no name twice, and texts without a copy.</summary>
internal static class JsonBody
{
    private const int MostValues = 200_000; // a few pictures, or a few long vectors; each costs memory

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    /// <summary>Parses an object. The caller disposes it.</summary>
    /// <exception cref="RequestFailure">It is no JSON object, or has too many values.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            CountValues(body.Span);
            var document = JsonDocument.Parse(body, Options);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document.Dispose();
            throw RequestFailure.Invalid("expected a JSON object");
        }
        catch (JsonException failure)
        {
            throw new RequestFailure(
                400, "invalid_json", $"the body is no valid JSON (line {failure.LineNumber + 1}, byte {failure.BytePositionInLine + 1})");
        }
    }

    /// <summary>A member of an object; null if it is missing or null.</summary>
    public static JsonElement? Member(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value)
            && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A member that is text; null if it is missing.</summary>
    /// <exception cref="RequestFailure">It is something else.</exception>
    public static string? Text(this JsonElement element, string name) => element.Member(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        _ => throw RequestFailure.Invalid($"{name}: expected text", name),
    };

    /// <summary>A member that is true or false; null if it is missing.</summary>
    /// <exception cref="RequestFailure">It is something else.</exception>
    public static bool? Flag(this JsonElement element, string name) => element.Member(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw RequestFailure.Invalid($"{name}: expected true or false", name),
    };

    /// <summary>A member that is a whole number; null if it is missing.</summary>
    /// <exception cref="RequestFailure">It is something else.</exception>
    public static int? Whole(this JsonElement element, string name) => element.Member(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out int number) => number,
        _ => throw RequestFailure.Invalid($"{name}: expected a whole number", name),
    };

    /// <summary>The UTF-8 of a text, without a copy unless it has escapes.</summary>
    public static ReadOnlySpan<byte> Utf8(this JsonElement element)
    {
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(element)[1..^1];
        return raw.Contains((byte)'\\') ? Encoding.UTF8.GetBytes(element.GetString()!) : raw;
    }

    private static void CountValues(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = Options.MaxDepth });
        for (int count = 0; reader.Read(); count++)
        {
            if (count > MostValues)
                throw new RequestFailure(422, "too_many_values", $"the body has too many JSON values (expected at most {MostValues})");
        }
    }
}
