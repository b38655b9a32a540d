using Dino.Gpu.Data.Rows;
using Parquet;
using Parquet.Schema;

namespace Dino.Gpu.Data.Formats;

/// <summary>Cells of one column of a row group, in buffers that the next group uses again: objects that live for a group's rows grow old, and the collector leaves them for long.</summary>
internal abstract class ParquetColumn(DataField field)
{
    public DataField Field { get; } = field;

    /// <summary>Adds the cell of the next row, null or a value of the column's type.</summary>
    public abstract void Add(object? value);

    /// <summary>Writes the cells as the next column of the group, and forgets them.</summary>
    public abstract Task WriteAsync(ParquetRowGroupWriter group);

    /// <param name="column">Name and type.</param>
    /// <param name="rows">Most rows of a group.</param>
    public static ParquetColumn Of(CarriedColumn column, int rows) => column.Type switch
    {
        ColumnType.Text => new ParquetTextColumn(column.Name, rows),
        ColumnType.Integer => new ParquetColumn<long>(column.Name, rows),
        ColumnType.Number => new ParquetColumn<double>(column.Name, rows),
        _ => new ParquetColumn<bool>(column.Name, rows),
    };
}

/// <summary>Numbers or truth values.</summary>
internal sealed class ParquetColumn<T>(string name, int rows) : ParquetColumn(new DataField(name, typeof(T), isNullable: true))
    where T : struct
{
    private readonly T?[] _cells = new T?[rows];
    private int _count;

    public void Add(T? value) => _cells[_count++] = value;

    public override void Add(object? value) => Add((T?)value);

    public override async Task WriteAsync(ParquetRowGroupWriter group)
    {
        await group.WriteAsync(Field, new ReadOnlyMemory<T?>(_cells, 0, _count)).ConfigureAwait(false);
        _count = 0;
    }
}

/// <summary>Texts, one behind the other.</summary>
internal sealed class ParquetTextColumn(string name, int rows) : ParquetColumn(new DataField(name, typeof(string), isNullable: true))
{
    private readonly int[] _ends = new int[rows]; // of each text; complemented where there is none
    private readonly ReadOnlyMemory<char>?[] _cells = new ReadOnlyMemory<char>?[rows];
    private char[] _text = [];
    private int _length;
    private int _count;

    public override void Add(object? value)
    {
        if (value is string text)
        {
            if (_text.Length - _length < text.Length)
                Array.Resize(ref _text, checked(Math.Max(2 * _text.Length, _length + text.Length)));
            text.CopyTo(_text.AsSpan(_length));
            _length += text.Length;
        }

        _ends[_count++] = value is null ? ~_length : _length;
    }

    public override async Task WriteAsync(ParquetRowGroupWriter group)
    {
        int start = 0;
        for (int row = 0; row < _count; row++)
        {
            int end = _ends[row];
            _cells[row] = end < 0 ? (ReadOnlyMemory<char>?)null : _text.AsMemory(start, end - start); // without the cast, null would be an empty text
            start = end < 0 ? ~end : end;
        }

        await group.WriteAsync(Field, new ReadOnlyMemory<ReadOnlyMemory<char>?>(_cells, 0, _count)).ConfigureAwait(false);
        (_length, _count) = (0, 0);
    }
}
