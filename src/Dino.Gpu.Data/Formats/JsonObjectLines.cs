using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// The lines of a JSON Lines file that are not blank, in UTF-8, without a byte order mark. Half of a surrogate pair
/// becomes U+FFFD, as in dino's own files: JSON can write it (<c>\ud800</c>), but it is no Unicode.
/// </summary>
/// <param name="read">Where the bytes come from.</param>
internal sealed class JsonObjectLines(ReadAt read)
{
    /// <summary>Bytes of <c>\uXXXX</c>.</summary>
    private const int EscapeLength = 6;

    private readonly ByteLines _lines = new(read);

    /// <summary>What a line holds, for messages.</summary>
    public string Expected { get; init; } = "a JSON object";

    /// <summary>The line, valid until the next one.</summary>
    public ReadOnlyMemory<byte> Line { get; private set; }

    /// <summary>Its number, from 1; blank lines count.</summary>
    public long Number => _lines.Number;

    /// <summary>Goes to the next line.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="JsonLineException">The line is not in UTF-8.</exception>
    /// <exception cref="DinoException">The line is longer than <see cref="ByteLines.MaxLength"/>.</exception>
    public bool Next()
    {
        while (_lines.Next())
        {
            ReadOnlyMemory<byte> line = _lines.Line;
            if (Number == 1 && line.Span.StartsWith(Encoding.UTF8.Preamble))
                line = line[Encoding.UTF8.Preamble.Length..];
            if (line.Span.Trim(" \t\r"u8).IsEmpty)
                continue;
            // The parser checks a string only when it is read, which is too late to name the line.
            if (!Utf8.IsValid(line.Span))
                throw new JsonLineException(Number, "not in UTF-8");
            Line = Unicode(line);
            return true;
        }

        return false;
    }

    /// <summary>Starts the object of the line. The reader is before its first property then.</summary>
    /// <exception cref="JsonLineException">The line is no JSON object.</exception>
    public Utf8JsonReader Begin()
    {
        var json = new Utf8JsonReader(Line.Span);
        try
        {
            json.Read();
            if (json.TokenType == JsonTokenType.StartObject)
                return json;
        }
        catch (JsonException failure)
        {
            throw Malformed(failure);
        }

        string found = json.TokenType switch
        {
            JsonTokenType.StartArray => "array",
            JsonTokenType.String => "string",
            JsonTokenType.Number => "number",
            JsonTokenType.Null => "null",
            _ => "a truth value",
        };
        throw new JsonLineException(Number, $"expected {Expected}, found {found}");
    }

    /// <summary>Goes to the next property of the line's object, on its value.</summary>
    /// <param name="json">From <see cref="Begin"/>, on an earlier value or at its end.</param>
    /// <returns>The name; null at the end of the line.</returns>
    /// <exception cref="JsonLineException">The line is no JSON object.</exception>
    public string? NextProperty(ref Utf8JsonReader json)
    {
        try
        {
            json.Read();
            if (json.TokenType != JsonTokenType.PropertyName)
            {
                json.Read(); // fails where something follows the object
                return null;
            }

            string name = json.GetString()!;
            json.Read();
            return name;
        }
        catch (JsonException failure)
        {
            throw Malformed(failure);
        }
    }

    /// <summary>A line that is no JSON.</summary>
    public JsonLineException Malformed(JsonException failure)
    {
        ReadOnlySpan<byte> rest = Line.Span[(int)Math.Min(failure.BytePositionInLine ?? 0, Line.Length)..].TrimStart("-"u8);
        bool isPython = rest.StartsWith("NaN"u8) || rest.StartsWith("Infinity"u8);
        string python = isPython ? "; NaN and Infinity are Python's, in JSON it is null" : "";
        return new JsonLineException(Number, $"not JSON, from byte {failure.BytePositionInLine + 1} of the line on{python}", failure);
    }

    private static ReadOnlyMemory<byte> Unicode(ReadOnlyMemory<byte> line)
    {
        byte[]? changed = null;
        int next = 0;
        while (line.Span[next..].IndexOf((byte)'\\') is var found and >= 0)
        {
            int escape = next + found;
            next = Math.Min(escape + 2, line.Length);
            if (Surrogate(line.Span[escape..]) is not { } half)
                continue;
            if (char.IsHighSurrogate(half) && Surrogate(line.Span[(escape + EscapeLength)..]) is { } other && char.IsLowSurrogate(other))
            {
                next = escape + 2 * EscapeLength;
                continue;
            }

            if (changed is null)
                line = changed = line.ToArray();
            @"\ufffd"u8.CopyTo(changed.AsSpan(escape));
        }

        return line;
    }

    /// <summary>
    /// The half of a pair that the text starts with, as an escape; null if it starts with something else.
    /// </summary>
    private static char? Surrogate(ReadOnlySpan<byte> text)
    {
        bool isEscape = text.Length >= EscapeLength && text.StartsWith(@"\u"u8);
        return isEscape
            && Utf8Parser.TryParse(text[2..EscapeLength], out ushort code, out int length, 'x')
            && length == EscapeLength - 2
            && char.IsSurrogate((char)code)
            ? (char)code
            : null;
    }
}

/// <summary>A line that cannot be read.</summary>
/// <param name="line">Its number, from 1.</param>
/// <param name="reason">What is wrong with it.</param>
/// <param name="cause">The failure behind it.</param>
internal sealed class JsonLineException(long line, string reason, Exception? cause = null) : Exception($"line {line}: {reason}", cause)
{
    /// <summary>Number of the line, from 1.</summary>
    public long Line { get; } = line;

    /// <summary>What is wrong with it.</summary>
    public string Reason { get; } = reason;
}
