using System.Text;
using System.Text.Json;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>Reads values of JSON as cells of a table.</summary>
internal static class JsonCell
{
    /// <summary>Notes the type of the reader's value, and goes to the end of the value.</summary>
    /// <param name="json">On a value.</param>
    /// <param name="name">Its column.</param>
    /// <param name="columns">Learns the type.</param>
    public static void Note(ref Utf8JsonReader json, string name, ColumnScan columns)
    {
        ColumnType? type = TypeOf(ref json, out long integer);
        columns.Add(name, type, type != ColumnType.Integer || ColumnTypes.IsExact(integer));
        json.Skip();
    }

    /// <summary>Reads the reader's value as one of a column's type, and goes to the end of the value.</summary>
    /// <param name="json">On a value.</param>
    /// <param name="line">The line that it reads.</param>
    /// <param name="type">The type of the whole column.</param>
    /// <exception cref="FormatException">The column's type cannot hold it.</exception>
    public static object? Read(ref Utf8JsonReader json, ReadOnlySpan<byte> line, ColumnType type)
    {
        if (TypeOf(ref json, out long integer) is not { } own)
            return null;
        if (type != ColumnType.Text)
        {
            if (ColumnTypes.Merge(own, type) != type)
                throw new FormatException($"a value of type {own} in a column of type {type}");
            return type switch
            {
                ColumnType.Integer => integer,
                ColumnType.Number => json.GetDouble(),
                _ => json.GetBoolean(),
            };
        }

        if (json.TokenType == JsonTokenType.String)
            return json.GetString();
        int start = (int)json.TokenStartIndex;
        json.Skip();
        return Encoding.UTF8.GetString(line[start..(int)json.BytesConsumed]);
    }

    /// <summary>
    /// Strings, arrays, objects, integers beyond 64 bits and numbers beyond a double are text; null has no type.
    /// </summary>
    private static ColumnType? TypeOf(ref Utf8JsonReader json, out long integer)
    {
        integer = 0;
        return json.TokenType switch
        {
            JsonTokenType.Null => null,
            JsonTokenType.True or JsonTokenType.False => ColumnType.Boolean,
            JsonTokenType.Number when json.TryGetInt64(out integer) => ColumnType.Integer,
            JsonTokenType.Number when json.ValueSpan.ContainsAny((byte)'.', (byte)'e', (byte)'E')
                && json.TryGetDouble(out double number)
                && double.IsFinite(number) => ColumnType.Number,
            _ => ColumnType.Text,
        };
    }
}
