using System.Text.Json;
using Dino.Gpu.Data.Formats;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// A JSON file that is one array of objects, as the JSON Lines that a list is read from. An element may be the path alone.
/// </summary>
internal static class JsonArray
{
    /// <summary>The elements, a line each. What does not begin with a bracket is left as it is.</summary>
    /// <param name="stream">The whole file, which has to fit into memory.</param>
    /// <param name="isArray">Whether it begins with a bracket.</param>
    /// <exception cref="InvalidDataException">The file is too large, or no JSON.</exception>
    public static byte[] ToLines(Stream stream, out bool isArray)
    {
        byte[] file = ReadAll(stream);
        ReadOnlySpan<byte> json = file.AsSpan().StartsWith("\uFEFF"u8) ? file.AsSpan(3) : file;
        isArray = json.TrimStart(" \t\r\n"u8).StartsWith("["u8);
        if (!isArray)
            return file;
        var lines = new MemoryStream(json.Length);
        try
        {
            var reader = new Utf8JsonReader(json);
            reader.Read();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                int start = (int)reader.TokenStartIndex;
                reader.Skip();
                ReadOnlySpan<byte> element = json[start..(int)reader.BytesConsumed];
                bool isPath = reader.TokenType == JsonTokenType.String;
                if (isPath)
                    lines.Write("{\"path\":"u8);
                file.AsSpan(file.Length - json.Length + start, element.Length).Replace((byte)'\n', (byte)' '); // between tokens
                lines.Write(element);
                lines.Write(isPath ? "}\n"u8 : "\n"u8);
            }

            reader.Read();
        }
        catch (JsonException failure)
        {
            throw new InvalidDataException(
                $"not JSON, from byte {failure.BytePositionInLine + 1} of line {failure.LineNumber + 1} on", failure);
        }

        return lines.ToArray();
    }

    private static byte[] ReadAll(Stream stream)
    {
        using var all = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        while (stream.Read(buffer) is var read and > 0)
        {
            if (all.Length + read > ByteLines.MaxLength)
                throw new InvalidDataException($"a JSON array of more than {ByteLines.MaxLength >> 20} MiB; make it JSON Lines (.jsonl)");
            all.Write(buffer, 0, read);
        }

        return all.ToArray();
    }
}
