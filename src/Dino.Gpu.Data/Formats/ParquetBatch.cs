using ParquetSharp;

namespace Dino.Gpu.Data.Formats;

/// <summary>Walks a column of a row group place by place. A place is a row, or an element of a list.</summary>
/// <typeparam name="T">The library's type of a value.</typeparam>
internal sealed class ParquetBatch<T>
    where T : unmanaged
{
    /// <summary>Places that are read at a time. The library also ends a batch at the end of a page.</summary>
    private const int Length = 512;

    private readonly ParquetStream _stream;
    private readonly ColumnReader<T> _column;
    private readonly int _valueLevel;
    private readonly short[] _definitions;
    private readonly short[] _repetitions;
    private readonly T[] _values = new T[Length];
    private int _count;
    private int _place;
    private int _valueCount;
    private int _value = -1;

    /// <param name="stream">What the library reads through.</param>
    /// <param name="column">The column; belongs to the row group.</param>
    public ParquetBatch(ParquetStream stream, ColumnReader<T> column)
    {
        _stream = stream;
        _column = column;
        (_valueLevel, int listLevels, Name) = stream.Call(() =>
        {
            ColumnDescriptor descriptor = column.ColumnDescriptor;
            return ((int)descriptor.MaxDefinitionLevel, (int)descriptor.MaxRepetitionLevel, descriptor.Name);
        });
        _definitions = _valueLevel > 0 ? new short[Length] : [];
        _repetitions = listLevels > 0 ? new short[Length] : [];
    }

    /// <summary>Name of the column, for messages.</summary>
    public string Name { get; }

    /// <summary>How much of the place exists: all of it at the column's highest level.</summary>
    public int Level => _valueLevel == 0 ? 0 : _definitions[_place];

    /// <summary>Whether the place has a value.</summary>
    public bool HasValue => Level == _valueLevel;

    /// <summary>Whether the place begins a row.</summary>
    public bool IsRowStart => _repetitions.Length == 0 || _repetitions[_place] == 0;

    /// <summary>The value of the place, valid until the next one, even if it points into a page.</summary>
    public T Value => _values[_value];

    /// <summary>Goes to the next place.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public bool Next()
    {
        if (++_place >= _count && !Read())
            return false;
        if (HasValue && ++_value >= _valueCount)
            throw new InvalidDataException($"the column '{Name}' has fewer values than it claims");
        return true;
    }

    private bool Read()
    {
        (long levels, long values) = _stream.Call(() =>
        {
            if (!_column.HasNext)
                return (0, 0);
            long places = _column.ReadBatch(Length, _definitions, _repetitions, _values, out long valuesRead);
            return (places, valuesRead);
        });
        (_count, _valueCount) = ((int)Math.Max(levels, _valueLevel == 0 ? values : 0), (int)values);
        (_place, _value) = (0, -1);
        return _count > 0;
    }
}
