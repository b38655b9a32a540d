using System.Globalization;
using System.Text;
using System.Text.Json;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// JSON Lines with an array <c>embedding</c>, which may be nested, in every object; other properties are carried. Their types are taken from the first thousand
/// lines; an array or object among them is carried as its JSON text.
/// </summary>
internal sealed class JsonLinesReader : IEmbeddingReader
{
    private const int LinesForTypes = 1000;

    private readonly LineReader _lines;
    private readonly Dictionary<string, int> _columns = new(StringComparer.Ordinal); // index in Schema.Columns
    private float[] _values = new float[1024];
    private int _count;
    private long _next;

    /// <param name="stream">The file, disposed with the reader.</param>
    /// <param name="provenance">What made the vectors, where the file beside it says so.</param>
    public JsonLinesReader(Stream stream, Provenance? provenance = null)
    {
        _lines = new LineReader(stream);
        var columns = new List<CarriedColumn>();
        var typed = new List<bool>();
        int[]? shape = null;
        bool sha256 = false;
        while ((shape is null || _lines.LineNumber < LinesForTypes) && _lines.TryRead(out ReadOnlySpan<byte> text))
        {
            Line line = Parse(text);
            sha256 |= line.HasSha256;
            if (_count > 0)
                shape ??= line.Shape is { } stated && Product(stated) == _count ? stated : [_count];
            foreach ((string name, object? value) in line.Others)
                Widen(columns, typed, name, value);
        }

        _lines.Rewind();
        Schema = new RowSchema(shape ?? [0], FloatType.Float32, sha256, columns) { Provenance = provenance };
    }

    /// <summary>A file without any embedding has the shape (0).</summary>
    public RowSchema Schema { get; }

    public RowInfo? Read(Span<float> values)
    {
        if (!_lines.TryRead(out ReadOnlySpan<byte> text))
            return null;
        Line line = Parse(text);
        if (_count > 0 && _count != values.Length)
            throw Bad($"has {_count} values, expected {values.Length}");
        if (_count > 0)
            _values.AsSpan(0, _count).CopyTo(values);
        else
            values.Fill(float.NaN);
        object?[] cells = new object?[Schema.Columns.Count];
        foreach ((string name, object? value) in line.Others)
        {
            if (_columns.TryGetValue(name, out int column))
                cells[column] = Convert(Schema.Columns[column], value);
        }

        return new RowInfo
        {
            Row = _next++,
            Path = line.Path ?? "",
            Width = line.Width,
            Height = line.Height,
            Sha256 = line.Sha256,
            Error = line.Error ?? (_count > 0 ? null : EmbeddingFile.MissingValues(values)),
            Columns = cells,
        };
    }

    public void Dispose() => _lines.Dispose();

    private static long Product(int[] shape) => shape.Aggregate(1L, (product, side) => unchecked(product * side));

    private void Widen(List<CarriedColumn> columns, List<bool> typed, string name, object? value)
    {
        if (!_columns.TryGetValue(name, out int column))
        {
            column = columns.Count;
            _columns.Add(name, column);
            columns.Add(new CarriedColumn(name, ColumnType.Text));
            typed.Add(false);
        }

        if (value is null)
            return;
        ColumnType found = value switch { long => ColumnType.Integer, double => ColumnType.Number, bool => ColumnType.Boolean, _ => ColumnType.Text };
        ColumnType known = typed[column] ? columns[column].Type : found;
        bool numbers = known is ColumnType.Integer or ColumnType.Number && found is ColumnType.Integer or ColumnType.Number;
        columns[column] = new CarriedColumn(name, known == found ? known : numbers ? ColumnType.Number : ColumnType.Text);
        typed[column] = true;
    }

    private object? Convert(CarriedColumn column, object? value) => (column.Type, value) switch
    {
        (_, null) => null,
        (ColumnType.Text, bool truth) => truth ? "true" : "false",
        (ColumnType.Text, IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture),
        (ColumnType.Number, long integer) => (double)integer,
        (ColumnType.Text, string) or (ColumnType.Integer, long) or (ColumnType.Number, double) or (ColumnType.Boolean, bool) => value,
        _ => throw Bad($"has another type in '{column.Name}' than the first {LinesForTypes} lines"),
    };

    private Line Parse(ReadOnlySpan<byte> text)
    {
        _count = 0;
        var line = new Line();
        try
        {
            var json = new Utf8JsonReader(text);
            json.Read();
            if (json.TokenType != JsonTokenType.StartObject)
                throw Bad("is no JSON object");
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                string name = json.GetString()!;
                json.Read();
                ParseProperty(ref json, text, name, line);
            }

            if (json.Read())
                throw Bad("has something after its JSON object");
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or FormatException)
        {
            throw Bad("is not the JSON that was expected");
        }

        return line;
    }

    private void ParseProperty(ref Utf8JsonReader json, ReadOnlySpan<byte> text, string name, Line line)
    {
        switch (name)
        {
            case "path":
                line.Path = json.GetString();
                break;
            case "error":
                line.Error = json.GetString();
                break;
            case "sha256":
                line.HasSha256 = true;
                line.Sha256 = json.GetString();
                break;
            case "width":
                line.Width = json.TokenType == JsonTokenType.Null ? null : json.GetInt32();
                break;
            case "height":
                line.Height = json.TokenType == JsonTokenType.Null ? null : json.GetInt32();
                break;
            case "shape" when json.TokenType == JsonTokenType.StartArray:
                var sides = new List<int>();
                while (json.Read() && json.TokenType == JsonTokenType.Number)
                    sides.Add(json.GetInt32());
                line.Shape = sides.Count > 0 && sides.TrueForAll(side => side > 0) ? [.. sides] : null;
                break;
            case "embedding":
                ParseValues(ref json);
                break;
            case "row" or "shape":
                json.Skip();
                break;
            default:
                line.Others[name] = Cell(ref json, text);
                break;
        }
    }

    private void ParseValues(ref Utf8JsonReader json)
    {
        int depth = 0;
        do
        {
            if (json.TokenType == JsonTokenType.StartArray)
            {
                depth++;
            }
            else if (json.TokenType == JsonTokenType.EndArray)
            {
                depth--;
            }
            else if (depth > 0)
            {
                if (_count == _values.Length)
                    Array.Resize(ref _values, _count * 2);
                _values[_count++] = json.TokenType == JsonTokenType.Null ? float.NaN : json.GetSingle();
            }
            else if (json.TokenType != JsonTokenType.Null)
            {
                throw Bad("has no list as its embedding");
            }
        }
        while (depth > 0 && json.Read());
    }

    private static object? Cell(ref Utf8JsonReader json, ReadOnlySpan<byte> text)
    {
        switch (json.TokenType)
        {
            case JsonTokenType.Null:
                return null;
            case JsonTokenType.String:
                return json.GetString();
            case JsonTokenType.True or JsonTokenType.False:
                return json.GetBoolean();
            case JsonTokenType.Number:
                return !json.ValueSpan.ContainsAny((byte)'.', (byte)'e', (byte)'E') && json.TryGetInt64(out long integer) ? (object)integer : json.GetDouble();
            default:
                int start = (int)json.TokenStartIndex;
                json.Skip();
                return Encoding.UTF8.GetString(text[start..(int)json.BytesConsumed]);
        }
    }

    private InvalidDataException Bad(string problem) => new($"line {_lines.LineNumber} {problem}");

    private sealed class Line
    {
        public string? Path { get; set; }

        public int? Width { get; set; }

        public int? Height { get; set; }

        public bool HasSha256 { get; set; }

        public string? Sha256 { get; set; }

        public string? Error { get; set; }

        public int[]? Shape { get; set; }

        public Dictionary<string, object?> Others { get; } = new(StringComparer.Ordinal);
    }
}
