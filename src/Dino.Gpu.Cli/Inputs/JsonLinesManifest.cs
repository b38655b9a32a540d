using System.Text;
using System.Text.Json;
using Dino.Gpu.Cli.Formats;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Cli.Inputs;

/// <summary>
/// JSON Lines: an object a line. The type of a column is what all its values are, over the whole file: integers, numbers, booleans, else text, with strings as they
/// are and anything else as its JSON text. A key that a line lacks is null there.
/// </summary>
internal sealed class JsonLinesManifest : Manifest
{
    /// <summary>More keys than that are data where names should be.</summary>
    private const int MaxColumns = 10_000;

    private readonly string _pathName;
    private readonly Dictionary<string, int> _places;

    /// <inheritdoc cref="Manifest.Open"/>
    public JsonLinesManifest(string file, string? pathColumn)
        : base(file)
    {
        var names = new List<string>();
        var types = new Dictionary<string, ColumnType?>();
        foreach ((JsonElement row, long line) in Objects())
        {
            foreach (JsonProperty property in row.EnumerateObject())
            {
                if (!types.TryGetValue(property.Name, out ColumnType? known))
                {
                    if (names.Count == MaxColumns)
                        throw Failed(line, $"more than {MaxColumns} different keys, expected the same in every line");
                    names.Add(property.Name);
                }

                ColumnType? type = TypeOf(property.Value);
                types[property.Name] = known is { } one && type is { } other ? ColumnTypes.Merge(one, other) : known ?? type;
            }
        }

        if (names.Count == 0)
            throw Failed("no rows");
        (int path, int[] carried) = Choose(names, pathColumn);
        _pathName = names[path];
        Columns = [.. carried.Select(column => new CarriedColumn(names[column], types[names[column]] ?? ColumnType.Text))];
        _places = Enumerable.Range(0, carried.Length).ToDictionary(place => names[carried[place]]);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<CarriedColumn> Columns { get; }

    /// <inheritdoc/>
    public override IEnumerable<InputItem> Rows()
    {
        foreach ((JsonElement row, long line) in Objects())
            yield return ToItem(row, line);
    }

    private InputItem ToItem(JsonElement row, long line)
    {
        if (!row.TryGetProperty(_pathName, out JsonElement path) || path.ValueKind != JsonValueKind.String || path.GetString() is not { Length: > 0 } image)
            throw Failed(line, $"no path in '{_pathName}', expected a string");
        object?[] values = new object?[Columns.Count];
        foreach (JsonProperty property in row.EnumerateObject())
        {
            if (_places.TryGetValue(property.Name, out int place))
                values[place] = ValueOf(property.Value, Columns[place].Type, line);
        }

        return new InputItem(image, values);
    }

    private object? ValueOf(JsonElement value, ColumnType type, long line)
    {
        if (TypeOf(value) is not { } own)
            return null;
        if (type != ColumnType.Text && ColumnTypes.Merge(own, type) != type)
            throw Failed(line, "it was changed while it was read");
        return type switch
        {
            ColumnType.Integer => value.GetInt64(),
            ColumnType.Number => value.GetDouble(),
            ColumnType.Boolean => value.GetBoolean(),
            _ => value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText(),
        };
    }

    private static ColumnType? TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.True or JsonValueKind.False => ColumnType.Boolean,
        JsonValueKind.Number when value.TryGetInt64(out _) => ColumnType.Integer,
        JsonValueKind.Number when value.TryGetDouble(out double number) && double.IsFinite(number) => ColumnType.Number,
        _ => ColumnType.Text, // strings, arrays, objects, and numbers beyond a double
    };

    /// <summary>Every line's object, valid until the next one.</summary>
    private IEnumerable<(JsonElement Row, long Line)> Objects()
    {
        using SafeFileHandle file = OpenFile();
        var lines = new ByteLines((buffer, offset) => RandomAccess.Read(file, buffer, offset));
        while (Next(lines))
        {
            ReadOnlyMemory<byte> line = lines.Number == 1 && lines.Line.Span.StartsWith(Encoding.UTF8.Preamble) ? lines.Line[3..] : lines.Line;
            if (line.Span.Trim(" \t\r"u8).IsEmpty)
                continue;
            using JsonDocument document = Parse(line, lines.Number);
            yield return (document.RootElement, lines.Number);
        }
    }

    private bool Next(ByteLines lines)
    {
        try
        {
            return lines.Next();
        }
        catch (Exception failure) when (failure is IOException or DinoException)
        {
            throw Failed(failure.Message, failure);
        }
    }

    private JsonDocument Parse(ReadOnlyMemory<byte> line, long number)
    {
        // The parser looks at strings only when they are asked for, which is too late to say where.
        if (!System.Text.Unicode.Utf8.IsValid(line.Span))
            throw Failed(number, "not in UTF-8");
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(line);
        }
        catch (JsonException failure)
        {
            throw Failed(number, $"not JSON, from byte {failure.BytePositionInLine + 1} of the line on", failure);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return document;
        string found = document.RootElement.ValueKind.ToString().ToLowerInvariant();
        document.Dispose();
        throw Failed(number, $"expected a JSON object, found {found}");
    }
}
