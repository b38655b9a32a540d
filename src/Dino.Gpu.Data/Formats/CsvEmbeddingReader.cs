using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A table with a header. The values are in columns e0, e1, ..., or in a column <c>embedding</c> as a list in brackets.
/// Other columns are carried as text, because the format has no types. As in lists of images, semicolons or tabs may
/// stand for the commas; spaces may follow them.
/// </summary>
internal sealed class CsvEmbeddingReader : IEmbeddingReader
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Stream _stream;
    private readonly char _separator;
    private StreamReader _text;
    private CsvRecords _csv;
    private readonly int _fields;
    private readonly int[] _values; // columns of e0, e1, ...
    private readonly int _list = -1; // column `embedding`
    private readonly List<int> _carried = [];
    private readonly Dictionary<string, int> _own = [];
    private readonly string? _gap; // told with the first row: the file has embeddings, though none that can be read
    private bool _pending;
    private long _next;

    /// <param name="stream">The file, disposed with the reader.</param>
    /// <param name="separator">What its name says of the separator: a comma or a tab.</param>
    public CsvEmbeddingReader(Stream stream, char separator = ',')
    {
        (_stream, _separator) = (stream, separator);
        string[] headers = Header(separator, isSpaced: false);
        if (headers is [var only] && Array.Find([';', '\t'], only.Contains) is var other and not '\0')
            headers = Header(_separator = other, isSpaced: false);
        if (headers.Length > 1 && headers.Skip(1).All(name => name.StartsWith(' ')))
            headers = Header(_separator, isSpaced: true);
        _fields = headers.Length;
        var places = new Dictionary<string, int>(headers.Length, StringComparer.Ordinal); // a row of all tokens has 300 000 columns
        for (int i = 0; i < headers.Length; i++)
        {
            if (!places.TryAdd(headers[i], i))
                throw new InvalidDataException("the header names a column twice");
        }

        _values =
        [
            .. Enumerable.Range(0, headers.Length)
                .Select(i => places.GetValueOrDefault("e" + i.ToString(CultureInfo.InvariantCulture), -1))
                .TakeWhile(column => column >= 0),
        ];
        bool[] isValue = new bool[headers.Length];
        foreach (int column in _values)
            isValue[column] = true;
        var columns = new List<CarriedColumn>();
        int index = RowSchema.IndexColumns(headers);
        for (int i = 0; i < headers.Length; i++)
        {
            if (isValue[i] || i < index)
                continue;
            if (_values.Length == 0 && headers[i] == RowSchema.EmbeddingColumn)
            {
                _list = i;
            }
            else if (RowSchema.IsOwnColumn(headers[i]))
            {
                _own[headers[i]] = i;
            }
            else
            {
                _carried.Add(i);
                columns.Add(new CarriedColumn(headers[i], ColumnType.Text));
            }
        }

        _gap = RowSchema.Gap(_values.Length, columns.Select(column => column.Name));
        int length = _values.Length;
        if (_list >= 0)
            length = FirstListLength();
        else if (length == 0 && Array.Find(headers, RowSchema.IsValueColumn) is { } first)
            (_gap, length) = ($"the columns of values begin at {first}, and there is no column e0", 1);
        else if (length == 0)
            throw new InvalidDataException("there are no columns e0, e1, ... and no column 'embedding'");
        Schema = new RowSchema([length], FloatType.Float32, _own.ContainsKey("sha256"), columns);
    }

    public RowSchema Schema { get; }

    public RowInfo? Read(Span<float> values)
    {
        if (_gap is not null)
            throw new InvalidDataException(_gap);
        if (!_pending && !NextRow())
            return null;
        _pending = false;
        if (_list >= 0)
            ReadList(_csv.Fields[_list], values);
        else
            ReadValues(values);
        string? error = Text("error");
        return new RowInfo
        {
            Row = _next++,
            Path = Text("path") ?? "",
            Width = Size("width"),
            Height = Size("height"),
            Sha256 = Text("sha256"),
            Error = string.IsNullOrEmpty(error) ? EmbeddingFile.MissingValues(values) : error,
            Columns = [.. _carried.Select(Cell)],
        };
    }

    public void Dispose() => _text.Dispose();

    /// <summary>Reads the header, from the beginning of the file.</summary>
    [MemberNotNull(nameof(_text), nameof(_csv))]
    private string[] Header(char separator, bool isSpaced)
    {
        _stream.Position = 0;
        _text = new StreamReader(_stream, Utf8, detectEncodingFromByteOrderMarks: true, bufferSize: 1 << 16);
        _csv = new CsvRecords(_text, separator, isSpaced);
        return NextRecord()
            ? [.. _csv.Fields]
            : throw new InvalidDataException("empty, expected a header line with the names of the columns");
    }

    private bool NextRow()
    {
        if (!NextRecord())
            return false;
        return _csv.Fields.Count == _fields ? true : throw Bad($"expected {_fields} fields as in the header, found {_csv.Fields.Count}");
    }

    private bool NextRecord()
    {
        try
        {
            return _csv.Next();
        }
        catch (FormatException failure)
        {
            throw Bad(failure.Message);
        }
        catch (DecoderFallbackException)
        {
            throw new InvalidDataException($"not in UTF-8, near line {_csv.Line}");
        }
    }

    private void ReadValues(Span<float> values)
    {
        for (int i = 0; i < _values.Length; i++)
        {
            string text = _csv.Fields[_values[i]];
            if (_separator == ';')
                text = text.Replace(',', '.'); // spreadsheets write semicolons where the comma is the decimal point
            if (text.Length == 0)
                values[i] = float.NaN;
            else if (!float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out values[i]))
                throw Bad($"the value e{i} is no number");
        }
    }

    /// <summary>Reads [0.1, 0.2], as Python prints a list, or [0.1 0.2], as NumPy prints a short array.</summary>
    private void ReadList(string text, Span<float> values)
    {
        values.Fill(float.NaN);
        string[] items = Items(text);
        if (items.Length == 0)
            return;
        if (items.Length != values.Length)
            throw Bad($"{items.Length} values, expected {values.Length}");
        for (int i = 0; i < items.Length; i++)
        {
            if (!float.TryParse(items[i], NumberStyles.Float, CultureInfo.InvariantCulture, out values[i]))
                throw Bad($"value {i} is no number");
        }
    }

    /// <summary>The length of the first row's list. A file of lists cannot begin with a failed image.</summary>
    private int FirstListLength()
    {
        if (!NextRow())
            return 0;
        _pending = true;
        return Items(_csv.Fields[_list]) is { Length: > 0 } items
            ? items.Length
            : throw new InvalidDataException("the first row has no embedding, so the length of the others is not known");
    }

    private static string[] Items(string text) =>
        text.Trim().TrimStart('[').TrimEnd(']').Split([',', ' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries);

    private string? Text(string name) => _own.TryGetValue(name, out int column) ? (string?)Cell(column) : null;

    /// <summary>An empty cell is missing, a quoted empty one is an empty text.</summary>
    private object? Cell(int column) => _csv.Fields[column].Length == 0 && !_csv.IsQuoted(column) ? null : _csv.Fields[column];

    private int? Size(string name)
    {
        if (Text(name) is not { Length: > 0 } text)
            return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int size)
            ? size
            : throw Bad($"the {name} is no number");
    }

    private InvalidDataException Bad(string problem) => new($"line {_csv.Line}: {problem}");
}
