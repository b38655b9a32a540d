using Dino.Gpu.Data.Rows;
using ParquetSharp;
using ParquetSharp.Schema;
using Encoding = System.Text.Encoding;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// The cells of one column of the row group that is being filled. The next group reuses the buffers: objects that live
/// as long as a group would survive the first collections and then stay for long.
/// </summary>
/// <param name="name">Name of the column.</param>
/// <param name="rows">Most rows of a group.</param>
internal abstract class ParquetColumn(string name, int rows)
{
    private readonly short[] _levels = new short[rows]; // 1 if there is a value
    private int _count;

    /// <summary>Name of the column.</summary>
    protected string Name { get; } = name;

    /// <summary>The column in the file's schema; the caller disposes it.</summary>
    public abstract Node Node();

    /// <summary>Adds the cell of the next row, null or a value of the column's type.</summary>
    public void Add(object? value)
    {
        _levels[_count++] = value is null ? (short)0 : (short)1;
        if (value is not null)
            AddValue(value);
    }

    /// <summary>Writes the cells as a column of the group, and clears them.</summary>
    public void Write(ColumnWriter column)
    {
        WriteValues(column, _levels.AsSpan(0, _count));
        _count = 0;
    }

    /// <summary>A carried column.</summary>
    /// <param name="column">Name and type.</param>
    /// <param name="rows">Most rows of a group.</param>
    public static ParquetColumn Of(CarriedColumn column, int rows) => column.Type switch
    {
        ColumnType.Text => new ParquetTextColumn(column.Name, rows),
        ColumnType.Integer => new ParquetColumn<long>(column.Name, rows),
        ColumnType.Number => new ParquetColumn<double>(column.Name, rows),
        _ => new ParquetColumn<bool>(column.Name, rows),
    };

    /// <summary>Keeps a value until the group is written.</summary>
    protected abstract void AddValue(object value);

    /// <summary>Writes the values, and clears them.</summary>
    /// <param name="column">Where they go.</param>
    /// <param name="levels">One for each row: 1 if it has a value.</param>
    protected abstract void WriteValues(ColumnWriter column, ReadOnlySpan<short> levels);
}

/// <summary>Numbers or truth values.</summary>
internal sealed class ParquetColumn<T>(string name, int rows) : ParquetColumn(name, rows)
    where T : unmanaged
{
    private readonly T[] _values = new T[rows];
    private int _count;

    public override Node Node()
    {
        (PhysicalType physical, int bits) = typeof(T) switch
        {
            var type when type == typeof(int) => (PhysicalType.Int32, 32),
            var type when type == typeof(long) => (PhysicalType.Int64, 64),
            var type when type == typeof(double) => (PhysicalType.Double, 0),
            _ => (PhysicalType.Boolean, 0),
        };
        using LogicalType logical = bits > 0 ? LogicalType.Int(bits, isSigned: true) : LogicalType.None();
        return new PrimitiveNode(Name, Repetition.Optional, logical, physical);
    }

    protected override void AddValue(object value) => _values[_count++] = (T)value;

    protected override void WriteValues(ColumnWriter column, ReadOnlySpan<short> levels)
    {
        ((ColumnWriter<T>)column).WriteBatch(levels.Length, levels, [], _values.AsSpan(0, _count));
        _count = 0;
    }
}

/// <summary>Texts, one after the other in UTF-8.</summary>
internal sealed class ParquetTextColumn(string name, int rows) : ParquetColumn(name, rows)
{
    private readonly int[] _ends = new int[rows];
    private readonly ByteArray[] _values = new ByteArray[rows];
    private byte[] _text = [];
    private int _length;
    private int _count;

    public override Node Node()
    {
        using LogicalType logical = LogicalType.String();
        return new PrimitiveNode(Name, Repetition.Optional, logical, PhysicalType.ByteArray);
    }

    protected override void AddValue(object value)
    {
        var text = (string)value;
        int most = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (_text.Length - _length < most)
            Array.Resize(ref _text, checked(Math.Max(2 * _text.Length, _length + most)));
        _length += Encoding.UTF8.GetBytes(text, _text.AsSpan(_length)); // half a surrogate pair becomes U+FFFD
        _ends[_count++] = _length;
    }

    protected override unsafe void WriteValues(ColumnWriter column, ReadOnlySpan<short> levels)
    {
        fixed (byte* text = _text)
        {
            int start = 0;
            for (int i = 0; i < _count; i++)
            {
                _values[i] = new ByteArray((nint)(text + start), _ends[i] - start);
                start = _ends[i];
            }

            ((ColumnWriter<ByteArray>)column).WriteBatch(levels.Length, levels, [], _values.AsSpan(0, _count));
        }

        (_length, _count) = (0, 0);
    }
}
