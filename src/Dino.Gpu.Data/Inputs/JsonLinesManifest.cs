using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Dino.Gpu.Data.Rows;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// JSON Lines: an object a line. The type of a column is what all its values are, over the whole file: integers, numbers, booleans, else text, with strings as they
/// are and anything else as its JSON text. Integers that would lose digits, as those beyond 64 bits, and those beyond 2^53 beside numbers with a point, are such text too.
/// A key that a line lacks is null there.
/// </summary>
internal sealed class JsonLinesManifest : Manifest
{
    /// <summary>More keys than that are data where names should be.</summary>
    private const int MaxColumns = 10_000;

    /// <summary>Bytes of <c>\uXXXX</c>.</summary>
    private const int EscapeLength = 6;

    private readonly string _pathName;
    private readonly Dictionary<string, int> _places;

    /// <inheritdoc cref="Manifest.Open"/>
    public JsonLinesManifest(string file, string? pathColumn)
        : base(file)
    {
        var names = new List<string>();
        var types = new Dictionary<string, ColumnType?>();
        var large = new HashSet<string>(); // columns with integers that are no numbers
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
                if (type == ColumnType.Integer && !ColumnTypes.IsExact(property.Value.GetInt64()))
                    large.Add(property.Name);
            }
        }

        foreach (string name in large.Where(name => types[name] == ColumnType.Number))
            types[name] = ColumnType.Text;

        if (names.Count == 0)
            throw Failed("no rows");
        (int path, int[] carried) = Choose(names, pathColumn);
        _pathName = names[path];
        Columns = [.. carried.Select(column => new CarriedColumn(names[column], types[names[column]] ?? ColumnType.Text, IsEmpty: types[names[column]] is null))];
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
        JsonValueKind.Number when IsFraction(value) && value.TryGetDouble(out double number) && double.IsFinite(number) => ColumnType.Number,
        _ => ColumnType.Text, // strings, arrays, objects, integers beyond 64 bits, and numbers beyond a double
    };

    private static bool IsFraction(JsonElement number) => number.GetRawText().AsSpan().ContainsAny('.', 'e', 'E');

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
            using JsonDocument document = Parse(Unicode(line), lines.Number);
            yield return (document.RootElement, lines.Number);
        }
    }

    /// <summary>Half a surrogate pair, which JSON can write (<c>\ud800</c>) but Unicode does not have, becomes U+FFFD, as in what dino writes.</summary>
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

    /// <summary>The half of a pair that is escaped at the start of the text, or null.</summary>
    private static char? Surrogate(ReadOnlySpan<byte> text) =>
        text.Length >= EscapeLength && text.StartsWith(@"\u"u8) && Utf8Parser.TryParse(text[2..EscapeLength], out ushort code, out int length, 'x') && length == EscapeLength - 2
            && char.IsSurrogate((char)code) ? (char)code : null;

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
            string python = line.Span[(int)Math.Min(failure.BytePositionInLine ?? 0, line.Length)..].TrimStart("-"u8) is var rest && (rest.StartsWith("NaN"u8) || rest.StartsWith("Infinity"u8))
                ? "; NaN and Infinity are Python's, in JSON it is null"
                : "";
            throw Failed(number, $"not JSON, from byte {failure.BytePositionInLine + 1} of the line on{python}", failure);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return document;
        string found = document.RootElement.ValueKind.ToString().ToLowerInvariant();
        document.Dispose();
        throw Failed(number, $"expected a JSON object, found {found}");
    }
}
