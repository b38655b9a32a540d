using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// A settled list as JSON Lines: a header <c>{"dino_manifest":1,"columns":[{"name":"label","type":"text"}]}</c>, then a
/// row a line, <c>{"path":"a.jpg","columns":["cat"]}</c>, with archive, offset, length and problem where the row has
/// them. In a run's folder a row also has <c>size</c> and <c>written</c> of its file.
/// </summary>
internal static class InputRowJson
{
    private const int Version = 1;

    /// <summary>Names stay readable; what JSON has to escape, line feeds among it, is escaped.</summary>
    public static JsonWriterOptions WriterOptions { get; } =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static void WriteHeader(Utf8JsonWriter json, IReadOnlyList<CarriedColumn> columns)
    {
        json.WriteStartObject();
        json.WriteNumber("dino_manifest", Version);
        json.WriteStartArray("columns");
        foreach (CarriedColumn column in columns)
        {
            json.WriteStartObject();
            json.WriteString("name", column.Name);
            json.WriteString("type", column.Type.ToString().ToLowerInvariant());
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <exception cref="FormatException">Not the header of a list, or one of a later version.</exception>
    public static IReadOnlyList<CarriedColumn> ReadHeader(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument header = JsonDocument.Parse(line);
            int version = header.RootElement.GetProperty("dino_manifest").GetInt32();
            if (version != Version)
                throw new FormatException($"a list of version {version}, expected {Version}");
            return
            [
                .. header.RootElement.GetProperty("columns").EnumerateArray().Select(column => new CarriedColumn(
                    column.GetProperty("name").GetString()!, Enum.Parse<ColumnType>(
                        column.GetProperty("type").GetString()!, ignoreCase: true))),
            ];
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            throw new FormatException("no header of a list of inputs", failure);
        }
    }

    public static void WriteRow(Utf8JsonWriter json, InputItem item)
    {
        json.WriteStartObject();
        json.WriteString("path", item.Path);
        if (item.Archive is not null)
        {
            json.WriteString("archive", item.Archive);
            json.WriteNumber("offset", item.Offset);
            json.WriteNumber("length", item.Length);
        }

        if (item.Problem is not null)
            json.WriteString("problem", item.Problem);
        if (item.Columns.Count > 0)
        {
            json.WriteStartArray("columns");
            foreach (object? value in item.Columns)
                WriteValue(json, value);
            json.WriteEndArray();
        }

        if (item.State is { } state)
        {
            // Last: WithoutState cuts them off.
            json.WriteNumber("size", state.Size);
            json.WriteString("written", state.Written);
        }

        json.WriteEndObject();
    }

    /// <summary>
    /// The line of a row without the state of its file. Lists are compared by these, since a copy of the same pictures
    /// has other times.
    /// </summary>
    /// <param name="line">As <see cref="WriteRow"/> writes it, without its end.</param>
    /// <param name="end">What comes behind the returned bytes.</param>
    public static ReadOnlySpan<byte> WithoutState(ReadOnlySpan<byte> line, out ReadOnlySpan<byte> end)
    {
        // Text of the row has no bare quotation marks, so nothing else looks like this.
        int start = line.LastIndexOf(",\"size\":"u8);
        end = start < 0 ? [] : "}"u8;
        return start < 0 ? line : line[..start];
    }

    /// <exception cref="FormatException">Not a row with values of these columns.</exception>
    public static InputItem ReadRow(ReadOnlyMemory<byte> line, IReadOnlyList<CarriedColumn> columns)
    {
        try
        {
            using JsonDocument row = JsonDocument.Parse(line);
            JsonElement root = row.RootElement;
            object?[] values = columns.Count == 0 ? [] : new object?[columns.Count];
            if (columns.Count > 0)
            {
                int column = 0;
                foreach (JsonElement value in root.GetProperty("columns").EnumerateArray())
                {
                    values[column] = ReadValue(value, columns[column].Type);
                    column++;
                }

                if (column != columns.Count)
                    throw new FormatException($"{column} values, expected {columns.Count}");
            }

            var item = new InputItem(root.GetProperty("path").GetString()!, values)
            {
                Problem = root.TryGetProperty("problem", out JsonElement problem) ? problem.GetString() : null,
                State = root.TryGetProperty("size", out JsonElement size)
                    ? new FileState(size.GetInt64(), root.GetProperty("written").GetDateTime().ToUniversalTime())
                    : null,
            };
            return !root.TryGetProperty("archive", out JsonElement archive) ? item : item with
            {
                Archive = archive.GetString(),
                Offset = root.GetProperty("offset").GetInt64(),
                Length = root.GetProperty("length").GetInt64(),
            };
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            throw new FormatException("no row of a list of inputs", failure);
        }
    }

    private static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case long integer:
                json.WriteNumberValue(integer);
                break;
            case bool boolean:
                json.WriteBooleanValue(boolean);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case double number:
                json.WriteStringValue(number.ToString(CultureInfo.InvariantCulture)); // JSON has no NaN
                break;
            default:
                throw new ArgumentException($"{value.GetType().Name} is no type of a carried column");
        }
    }

    private static object? ReadValue(JsonElement value, ColumnType type) => value.ValueKind == JsonValueKind.Null ? null : type switch
    {
        ColumnType.Text => value.GetString(),
        ColumnType.Integer => value.GetInt64(),
        ColumnType.Boolean => value.GetBoolean(),
        ColumnType.Number when value.ValueKind == JsonValueKind.String => double.Parse(value.GetString()!, CultureInfo.InvariantCulture),
        _ => value.GetDouble(),
    };
}
