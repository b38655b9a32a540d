using Dino.Gpu.Data.Formats;
using Parquet;
using Parquet.Meta;
using Parquet.Schema;

namespace Dino.Gpu.Data.Inputs;

/// <summary>The values of a column in a row group, one after the other.</summary>
internal abstract class ParquetCells
{
    /// <summary>The next row's value, or null where it has none.</summary>
    /// <exception cref="InvalidDataException">There is no next row, or the file is damaged.</exception>
    public abstract object? Next();
}

/// <summary>
/// Reads a page at a time. The library knows only whole column chunks, and a chunk may have a million rows: so it is shown one page after the other as if each
/// were the chunk, behind the dictionary where there is one.
/// </summary>
/// <typeparam name="T">The library's type for the column.</typeparam>
internal sealed class ParquetCells<T> : ParquetCells
    where T : struct
{
    private readonly PageStream _stream;
    private readonly ParquetRowGroupReader _group;
    private readonly DataField _field;
    private readonly Func<T, object> _convert;
    private readonly ColumnMetaData _chunk;
    private readonly long _end;
    private long _position; // of the next page
    private (long Start, long End)? _dictionary;
    private T[] _values = [];
    private int[] _levels = []; // for each row of the page, whether it has a value
    private int _rows;
    private int _row;
    private int _value;

    /// <param name="stream">What the row group is read through.</param>
    /// <param name="group">The row group, whose metadata on the column is changed by this.</param>
    /// <param name="field">A column without lists.</param>
    /// <param name="convert">What becomes of a value.</param>
    public ParquetCells(PageStream stream, ParquetRowGroupReader group, DataField field, Func<T, object> convert)
    {
        _stream = stream;
        _group = group;
        _field = field;
        _convert = convert;
        _chunk = group.GetMetadata(field)?.MetaData ?? throw new InvalidDataException($"column '{field.Name}' is missing in a row group");
        if (_chunk.NumValues != group.RowCount)
            throw new InvalidDataException($"column '{field.Name}' has {_chunk.NumValues} values in a row group of {group.RowCount}");
        _position = _chunk.DictionaryPageOffset is { } dictionary and > 0 ? Math.Min(dictionary, _chunk.DataPageOffset) : _chunk.DataPageOffset;
        _end = _position + _chunk.TotalCompressedSize;
    }

    public override object? Next()
    {
        while (_row == _rows)
            ReadPage();
        bool isMissing = _field.MaxDefinitionLevel > 0 && _levels[_row] != _field.MaxDefinitionLevel;
        _row++;
        return isMissing ? null : _convert(_values[_value++]);
    }

    private void ReadPage()
    {
        if (_position >= _end)
            throw new InvalidDataException($"column '{_field.Name}' ends before its row group");
        _stream.LeaveOut(_end, _end);
        (ParquetCheck.Page page, int headerLength) = ParquetCheck.ReadHeader(_stream, _position, _end);
        long next = _position + headerLength + page.Compressed;
        if (page.Type == ParquetCheck.DictionaryPage)
            _dictionary = (_position, next);
        else if (page.Values > 0)
            ReadValues((int)page.Values, page.UsesDictionary ? _dictionary : null);
        _position = next;
    }

    private void ReadValues(int count, (long Start, long End)? dictionary)
    {
        if (_values.Length < count)
            (_values, _levels) = (new T[count], _field.MaxDefinitionLevel > 0 ? new int[count] : []);
        _chunk.NumValues = count;
        _chunk.DataPageOffset = dictionary?.Start ?? _position;
        _chunk.DictionaryPageOffset = null;
        _chunk.IndexPageOffset = null;
        if (dictionary is { } there)
            _stream.LeaveOut(there.End, _position);
        Memory<int>? levels = _field.MaxDefinitionLevel > 0 ? _levels.AsMemory(0, count) : default(Memory<int>?); // null alone would be an empty memory
        try
        {
            _group.ReadRawAsync(_field, _values.AsMemory(0, count), levels, null).AsTask().GetAwaiter().GetResult(); // a local file and no synchronisation context
        }
        catch (Exception failure) when (failure is ArgumentOutOfRangeException or OverflowException)
        {
            throw new InvalidDataException($"column '{_field.Name}' holds values beyond the dates or numbers of .NET; leave it out", failure);
        }

        (_rows, _row, _value) = (count, 0, 0);
    }
}
