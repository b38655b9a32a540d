using System.Text.Json;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// JSON Lines. Every object has an array <c>embedding</c>, which may be nested. Other properties are carried, an array
/// or object among them as its JSON text. <see cref="ColumnScan"/> finds their types in the whole file.
/// </summary>
internal sealed class JsonLinesReader : IEmbeddingReader
{
    private readonly Stream _stream;
    private readonly Provenance? _provenance;
    private readonly int[] _shape;
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal); // in Schema.Columns
    private readonly JsonObjectLines _lines;
    private RowSchema? _schema;
    private float[] _values = new float[1024];
    private int _count;
    private long _next;

    /// <param name="stream">The file, disposed with the reader.</param>
    /// <param name="provenance">What made the vectors, if a file beside it says so.</param>
    public JsonLinesReader(Stream stream, Provenance? provenance = null)
    {
        _provenance = provenance;
        _stream = stream;
        _shape = FindShape();
        _lines = Lines();
    }

    /// <summary>
    /// A file without embeddings has the shape (0). The first use reads every line, because the types of the columns
    /// depend on all of them.
    /// </summary>
    public RowSchema Schema => _schema ??= FindSchema();

    /// <inheritdoc/>
    public int RowLength => _shape.Aggregate(1, (product, side) => product * side);

    public RowInfo? Read(Span<float> values)
    {
        RowSchema schema = Schema;
        if (!_lines.Next())
            return null;
        object?[] cells = new object?[schema.Columns.Count];
        Line line = Parse(_lines, (ref json, name, text) =>
        {
            if (_places.TryGetValue(name, out int place))
                cells[place] = JsonCell.Read(ref json, text, schema.Columns[place].Type);
            else
                json.Skip();
        });
        if (_count > 0 && _count != values.Length)
            throw Bad(_lines, $"has {_count} values, expected {values.Length}");
        if (_count > 0)
            _values.AsSpan(0, _count).CopyTo(values);
        else
            values.Fill(float.NaN);
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

    public void Dispose() => _stream.Dispose();

    /// <summary>Takes the value of a carried property, and goes to its end.</summary>
    private delegate void TakeCell(ref Utf8JsonReader json, string name, ReadOnlySpan<byte> text);

    private JsonObjectLines Lines() => new((buffer, offset) =>
    {
        if (_stream.Position != offset)
            _stream.Position = offset;
        return _stream.Read(buffer);
    });

    /// <summary>The shape of the first embedding.</summary>
    private int[] FindShape()
    {
        JsonObjectLines lines = Lines();
        while (lines.Next())
        {
            Line line = Parse(lines, static (ref json, _, _) => json.Skip());
            if (_count > 0)
                return line.Shape is { } stated && Product(stated) == _count ? stated : [_count];
        }

        return [0];
    }

    private RowSchema FindSchema()
    {
        JsonObjectLines lines = Lines();
        var columns = new ColumnScan();
        bool sha256 = false;
        long rows = 0;
        while (lines.Next())
        {
            rows++;
            try
            {
                Utf8JsonReader json = lines.Begin();
                while (lines.NextProperty(ref json) is { } name)
                {
                    sha256 |= name == "sha256";
                    if (RowSchema.IsOwnColumn(name))
                        json.Skip();
                    else
                        JsonCell.Note(ref json, name, columns);
                }
            }
            catch (Exception failure) when (failure is JsonException or JsonLineException)
            {
                throw Unexpected(lines, failure);
            }
            catch (FormatException failure)
            {
                throw new InvalidDataException($"line {lines.Number}: {failure.Message}", failure);
            }
        }

        new MemoryBudget(_stream.Length).TakeCells(rows, columns.Count);
        foreach (string name in columns.Names)
            _places.Add(name, _places.Count);
        return new RowSchema(
            _shape, FloatType.Float32, sha256, [.. columns.Names.Select(name => columns.Column(name) with { IsEmpty = false })])
        {
            Provenance = _provenance,
        };
    }

    private static long Product(int[] shape) => shape.Aggregate(1L, (product, side) => unchecked(product * side));

    private Line Parse(JsonObjectLines lines, TakeCell takeCell)
    {
        _count = 0;
        var line = new Line();
        try
        {
            Utf8JsonReader json = lines.Begin();
            while (lines.NextProperty(ref json) is { } name)
                ParseProperty(lines, ref json, name, line, takeCell);
        }
        catch (Exception failure) when (failure is JsonException or JsonLineException or InvalidOperationException or FormatException)
        {
            throw Unexpected(lines, failure);
        }

        return line;
    }

    private void ParseProperty(JsonObjectLines lines, ref Utf8JsonReader json, string name, Line line, TakeCell takeCell)
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
            case RowSchema.EmbeddingColumn:
                ParseValues(lines, ref json);
                break;
            case "row" or "shape":
                json.Skip();
                break;
            default:
                takeCell(ref json, name, lines.Line.Span);
                break;
        }
    }

    private void ParseValues(JsonObjectLines lines, ref Utf8JsonReader json)
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
                throw Bad(lines, "has no list as its embedding");
            }
        }
        while (depth > 0 && json.Read());
    }

    private static InvalidDataException Unexpected(JsonObjectLines lines, Exception failure) => failure switch
    {
        JsonLineException line => new InvalidDataException(line.Message, failure),
        JsonException json => new InvalidDataException(lines.Malformed(json).Message, failure),
        _ => new InvalidDataException($"line {lines.Number} is not the JSON that was expected", failure),
    };

    private static InvalidDataException Bad(JsonObjectLines lines, string problem) => new($"line {lines.Number} {problem}");

    /// <summary>What a line says about its image.</summary>
    private sealed class Line
    {
        public string? Path { get; set; }

        public int? Width { get; set; }

        public int? Height { get; set; }

        public string? Sha256 { get; set; }

        public string? Error { get; set; }

        public int[]? Shape { get; set; }
    }
}
