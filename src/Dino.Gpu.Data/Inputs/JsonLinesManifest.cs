using System.Text.Json;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// JSON Lines, an object a line, or an array of objects (<c>.json</c>). <see cref="ColumnScan"/> gives the types over
/// the whole file; text columns hold strings as
/// they are and anything else as its JSON text. A key that a line lacks is null there.
/// </summary>
internal sealed class JsonLinesManifest : Manifest
{
    private readonly string _pathName;
    private readonly Dictionary<string, int> _places;
    private bool _isArray;

    /// <inheritdoc cref="Manifest.Open"/>
    public JsonLinesManifest(string file, string? pathColumn)
        : base(file)
    {
        var columns = new ColumnScan();
        using (Stream stream = OpenStream())
        {
            JsonObjectLines lines = Lines(stream);
            long rows = 0;
            var keys = new HashSet<string>(StringComparer.Ordinal);
            for (; Next(lines); rows++)
                Scan(lines, columns, keys);
            RequireSimilar(rows, columns.Count);
        }

        if (columns.Count == 0)
            throw Failed("no rows");
        string[] names = [.. columns.Names];
        (int path, int[] carried) = Choose(names, pathColumn);
        _pathName = names[path];
        Columns = [.. carried.Select(column => columns.Column(names[column]))];
        _places = Enumerable.Range(0, carried.Length).ToDictionary(place => names[carried[place]]);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<CarriedColumn> Columns { get; }

    /// <inheritdoc/>
    protected override string RowKind => _isArray ? "item" : "line";

    /// <inheritdoc/>
    public override IEnumerable<InputItem> Rows()
    {
        using Stream stream = OpenStream();
        JsonObjectLines lines = Lines(stream);
        while (Next(lines))
            yield return Item(lines);
    }

    /// <summary>The lines, read one after the other; the elements of an array where the file is one.</summary>
    private JsonObjectLines Lines(Stream stream)
    {
        if (Kind(File) != ".json")
            return new((buffer, _) => stream.Read(buffer));
        try
        {
            var lines = new MemoryStream(JsonArray.ToLines(stream, out _isArray));
            return new((buffer, _) => lines.Read(buffer)) { Expected = _isArray ? "a JSON object or a path" : "a JSON object" };
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException)
        {
            throw Failed(failure.Message, failure);
        }
    }

    /// <summary>Every row of the list has every column: different keys in every line would make it far larger than the
    /// file.</summary>
    private void RequireSimilar(long rows, int columns)
    {
        try
        {
            new MemoryBudget(new FileInfo(File).Length).TakeCells(rows, columns);
        }
        catch (InvalidDataException failure)
        {
            throw Failed($"{columns} different keys in {rows} {RowKind}s, expected the same in every {RowKind}", failure);
        }
    }

    private void Scan(JsonObjectLines lines, ColumnScan columns, HashSet<string> keys)
    {
        keys.Clear();
        try
        {
            Utf8JsonReader json = lines.Begin();
            while (lines.NextProperty(ref json) is { } name)
            {
                if (!keys.Add(name))
                    throw new JsonLineException(lines.Number, $"two keys are named '{name}': rename one");
                JsonCell.Note(ref json, name, columns);
            }
        }
        catch (Exception failure) when (failure is JsonException or JsonLineException or FormatException)
        {
            throw Failed(lines, failure);
        }
    }

    private InputItem Item(JsonObjectLines lines)
    {
        object?[] values = new object?[Columns.Count];
        string? image = null;
        string? hint = null;
        try
        {
            Utf8JsonReader json = lines.Begin();
            while (lines.NextProperty(ref json) is { } name)
            {
                if (name == _pathName)
                {
                    image = json.TokenType == JsonTokenType.String ? json.GetString() : null;
                    hint = json.TokenType == JsonTokenType.StartObject ? "in pandas, write it with to_json(orient='records')" : null;
                }

                if (_places.TryGetValue(name, out int place))
                    values[place] = JsonCell.Read(ref json, lines.Line.Span, Columns[place].Type);
                else
                    json.Skip();
            }
        }
        catch (FormatException failure)
        {
            throw Failed(lines.Number, "it was changed while it was read", failure);
        }
        catch (Exception failure) when (failure is JsonException or JsonLineException)
        {
            throw Failed(lines, failure);
        }

        return image is { Length: > 0 }
            ? new InputItem(image, values)
            : throw Failed(lines.Number, $"no path in '{_pathName}', expected a string", hint: hint);
    }

    private bool Next(JsonObjectLines lines)
    {
        try
        {
            return lines.Next();
        }
        catch (JsonLineException failure)
        {
            throw Failed(failure.Line, failure.Reason, failure);
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or DinoException)
        {
            throw Failed(failure.Message, failure);
        }
    }

    private DinoException Failed(JsonObjectLines lines, Exception failure)
    {
        JsonLineException? line = failure as JsonLineException ?? (failure is JsonException json ? lines.Malformed(json) : null);
        return Failed(lines.Number, line?.Reason ?? failure.Message, failure);
    }
}
