using Dino.Gpu.Data.Rows;
using ParquetSharp;

namespace Dino.Gpu.Data.Formats;

/// <summary>A row group of a <see cref="ParquetTable"/>. Disposing it closes the columns that were opened.</summary>
internal sealed class ParquetGroup : IDisposable
{
    private readonly ParquetStream _stream;
    private readonly RowGroupReader _group;
    private readonly int _index;
    private readonly ParquetClaims _claims;
    private readonly List<(ColumnReader Reader, long Bytes)> _columns = [];

    /// <param name="stream">What the library reads through.</param>
    /// <param name="group">Disposed with this.</param>
    /// <param name="index">Its number in the file.</param>
    /// <param name="rows">The number of its rows.</param>
    /// <param name="claims">What its columns are held against.</param>
    public ParquetGroup(ParquetStream stream, RowGroupReader group, int index, long rows, ParquetClaims claims)
    {
        _stream = stream;
        _group = group;
        _index = index;
        _claims = claims;
        Rows = rows;
    }

    /// <summary>Number of rows.</summary>
    public long Rows { get; }

    /// <summary>The values of a flat column, one a row.</summary>
    /// <param name="leaf">The column.</param>
    /// <param name="type">The type that they are read as: that of the column, or text.</param>
    /// <exception cref="InvalidDataException">The column is damaged.</exception>
    public ParquetCells Cells(ParquetLeaf leaf, ColumnType type) => Open(leaf) switch
    {
        ColumnReader<bool> column => Of(column, value => value),
        ColumnReader<int> column => Of(column, value => ParquetValues.OfInteger(leaf.IsUnsigned ? (uint)value : value, leaf, type)),
        ColumnReader<long> column => Of(column, value => ParquetValues.OfInteger(value, leaf, type)),
        ColumnReader<Int96> column => Of(column, ParquetValues.OfInt96),
        ColumnReader<float> column => Of(column, value => (double)value),
        ColumnReader<double> column => Of(column, value => value),
        ColumnReader<ByteArray> column when Texts(leaf, type) is var texts => Of(column, value => texts.Cell(ParquetValues.Bytes(value))),
        ColumnReader<FixedLenByteArray> column when Texts(leaf, type) is var texts =>
            Of(column, value => texts.Cell(ParquetValues.Bytes(value, leaf.Length))),
        _ => throw new InvalidDataException($"the column '{leaf.Name}' has a type that is not read"),
    };

    /// <summary>The lists of floating-point numbers in a column, one a row.</summary>
    /// <exception cref="InvalidDataException">The column is damaged.</exception>
    public ParquetLists Lists(ParquetLeaf leaf) => Open(leaf) switch
    {
        ColumnReader<float> column => new ParquetLists<float>(_stream, column, leaf, value => value),
        ColumnReader<double> column => new ParquetLists<double>(_stream, column, leaf, value => (float)value),
        ColumnReader<FixedLenByteArray> column => new ParquetLists<FixedLenByteArray>(_stream, column, leaf, ParquetValues.OfHalf),
        _ => throw new InvalidDataException($"the column '{leaf.Name}' has a type that is not read"),
    };

    /// <summary>Closes the column that was opened last.</summary>
    public void CloseLast()
    {
        (ColumnReader reader, long bytes) = _columns[^1];
        reader.Dispose();
        _claims.Give(bytes);
        _columns.RemoveAt(_columns.Count - 1);
    }

    public void Dispose()
    {
        while (_columns.Count > 0)
            CloseLast();
        _group.Dispose();
    }

    private ParquetTexts Texts(ParquetLeaf leaf, ColumnType type) => new(_claims, leaf, type, _columns[^1].Bytes);

    private ParquetCells<T> Of<T>(ColumnReader<T> column, Func<T, object> convert)
        where T : unmanaged => new(_stream, column, convert);

    private ColumnReader Open(ParquetLeaf leaf)
    {
        long bytes = _claims.Take(_index, leaf, Rows);
        ColumnReader column = _stream.Call(() => _group.Column(leaf.Index));
        _columns.Add((column, bytes));
        return column;
    }
}
