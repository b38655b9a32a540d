using System.Text;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// A CSV or TSV file with a header line, in UTF-8; a .csv may have semicolons or tabs, too. Every value is text, as CSV
/// has no types; nothing at all is a missing one, and <c>""</c> an empty text. Separators at the end of a line, as
/// spreadsheets leave them, are no columns.
/// </summary>
internal sealed class CsvManifest : Manifest
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly char _separator;
    private readonly string[] _header;
    private readonly int _path;
    private readonly int[] _carried;

    /// <inheritdoc cref="Manifest.Open"/>
    public CsvManifest(string file, string? pathColumn, char separator)
        : base(file)
    {
        (_separator, _header) = (separator, Header(separator));
        // Where the comma is the decimal point, spreadsheets write semicolons.
        if (_header is [var only] && Array.Find([';', '\t'], only.Contains) is var other and not '\0')
            (_separator, _header) = (other, Header(other));
        (_path, _carried) = Choose(_header, pathColumn);
        Columns = [.. _carried.Select(column => new CarriedColumn(_header[column], ColumnType.Text))];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<CarriedColumn> Columns { get; }

    /// <inheritdoc/>
    public override IEnumerable<InputItem> Rows()
    {
        using StreamReader reader = OpenText();
        var records = new CsvRecords(reader, _separator);
        if (!Next(records) || !Named(records).SequenceEqual(_header))
            throw Failed("its header was changed while it was read");
        int columns = records.Fields.Count;
        while (Next(records))
        {
            int nameless = records.Fields.FindIndex(Math.Min(_header.Length, records.Fields.Count), field => field.Length > 0);
            if (nameless >= 0 && nameless < columns)
                throw Failed(records.Line, $"column {nameless + 1} has no name");
            if (nameless >= 0 || records.Fields.Count < _header.Length)
                throw Failed(records.Line, $"expected {_header.Length} fields as in the header, found {records.Fields.Count}");
            string path = records.Fields[_path];
            if (path.Length == 0)
                throw Failed(records.Line, $"no path in column '{_header[_path]}'");
            yield return new InputItem(
                path,
                Array.ConvertAll(
                    _carried,
                    object? (column) =>
                        records.Fields[column] is { Length: 0 } && !records.IsQuoted(column) ? null : records.Fields[column]));
        }
    }

    private string[] Header(char separator)
    {
        using StreamReader reader = OpenText();
        var records = new CsvRecords(reader, separator);
        return Next(records) ? [.. Named(records)] : throw Failed("empty, expected a header line with the names of the columns");
    }

    /// <summary>The fields up to the last that is not empty; all where every one is.</summary>
    private static IEnumerable<string> Named(CsvRecords header)
    {
        int count = header.Fields.Count;
        while (count > 0 && header.Fields[count - 1].Length == 0)
            count--;
        return header.Fields.Take(count == 0 ? header.Fields.Count : count);
    }

    private StreamReader OpenText() => new(OpenStream(), Utf8, detectEncodingFromByteOrderMarks: true, bufferSize: 1 << 16);

    private bool Next(CsvRecords records)
    {
        try
        {
            return records.Next();
        }
        catch (FormatException failure)
        {
            throw Failed(records.Line, failure.Message, failure);
        }
        catch (DecoderFallbackException failure)
        {
            throw Failed($"it is not in UTF-8, near line {records.Line}", failure);
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException)
        {
            throw Failed(failure.Message, failure);
        }
    }
}
