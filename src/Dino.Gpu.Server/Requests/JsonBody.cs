using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Requests;

/// <summary>Reads JSON bodies: no more values than a request has use for, no name twice, and texts without a copy.</summary>
internal static class JsonBody
{
    private const string InvalidJson = "invalid_json";
    private const int EscapeLength = 6; // backslash, u, four digits
    private const int MostValues = 200_000; // a few pictures, or a few long vectors; each costs memory

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    /// <summary>Parses an object. The caller disposes it.</summary>
    /// <exception cref="RequestFailure">
    /// It is no JSON object, has too many values, or has text that is no Unicode.
    /// </exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            CheckValues(body.Span);
            var document = JsonDocument.Parse(body, Options);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document.Dispose();
            throw RequestFailure.Invalid("expected a JSON object");
        }
        catch (JsonException failure)
        {
            throw new RequestFailure(
                StatusCodes.Status400BadRequest,
                InvalidJson,
                failure.LineNumber is { } line
                    ? $"the body is no valid JSON (line {line + 1}, byte {failure.BytePositionInLine + 1})"
                    : "the body has an object with one name twice");
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
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(element);
        if (!raw.Contains((byte)'\\'))
            return raw[1..^1];
        var reader = new Utf8JsonReader(raw);
        reader.Read();
        byte[] text = GC.AllocateUninitializedArray<byte>(raw.Length); // never shorter than what the escapes stand for
        return text.AsSpan(0, reader.CopyString(text));
    }

    /// <summary>Counts values, and refuses text that nobody could read later: .NET's reader looks at none of it.</summary>
    private static void CheckValues(ReadOnlySpan<byte> body)
    {
        if (!System.Text.Unicode.Utf8.IsValid(body))
            throw new RequestFailure(StatusCodes.Status400BadRequest, InvalidJson, "the body is no valid UTF-8");
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = Options.MaxDepth });
        for (int count = 0; reader.Read(); count++)
        {
            if (count > MostValues)
            {
                throw new RequestFailure(
                    StatusCodes.Status422UnprocessableEntity,
                    "too_many_values",
                    $"the body has too many JSON values (expected at most {MostValues})");
            }

            if (reader.ValueIsEscaped && HasHalfOfPair(reader.ValueSpan))
            {
                throw new RequestFailure(
                    StatusCodes.Status400BadRequest,
                    InvalidJson,
                    "the body has text that is no Unicode (expected surrogates in pairs, such as \\ud83d\\ude00)");
            }
        }
    }

    /// <summary>Whether escapes stand for one half of a character: <c>\ud83d</c> without what follows it.</summary>
    /// <param name="text">A JSON string that was read, without its quotes.</param>
    private static bool HasHalfOfPair(ReadOnlySpan<byte> text)
    {
        while (text.IndexOf((byte)'\\') is var at and >= 0)
        {
            text = text[at..];
            char first = Escaped(text);
            bool isPair = char.IsHighSurrogate(first) && text.Length > EscapeLength && char.IsLowSurrogate(Escaped(text[EscapeLength..]));
            if (char.IsSurrogate(first) && !isPair)
                return true;
            text = text[(isPair ? 2 * EscapeLength : 2)..]; // the digits of another escape are no escape
        }

        return false;
    }

    /// <summary>What a text that begins with an escape of four digits stands for; 0 for any other text.</summary>
    private static char Escaped(ReadOnlySpan<byte> text) =>
        text is [(byte)'\\', (byte)'u', ..] && ushort.TryParse(text[2..EscapeLength], NumberStyles.AllowHexSpecifier, null, out ushort unit)
            ? (char)unit
            : '\0';
}
