using System.Globalization;
using System.Text;
using Dino.Gpu.Data.Rows;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A Parquet file with a list column <c>embedding</c> of float or double, or columns e0, e1, ...; other flat columns of text, numbers and truth values are carried.
/// One row group is in memory at a time.
/// </summary>
internal sealed class ParquetEmbeddingReader : IEmbeddingReader
{
    private readonly Stream _stream;
    private readonly ParquetReader _parquet;
    private readonly DataField? _list;
    private readonly DataField[] _values; // e0, e1, ...
    private readonly DataField[] _own;
    private readonly DataField[] _carried;
    private readonly Dictionary<string, object?[]> _cells = new(StringComparer.Ordinal);
    private float[] _group = []; // values of the row group
    private (int Start, int Length)[] _rows = []; // where each row's values are in it
    private int _nextGroup;
    private int _nextInGroup;
    private long _next;

    /// <param name="stream">The file, disposed with the reader.</param>
    public ParquetEmbeddingReader(Stream stream)
    {
        _stream = stream;
        ParquetCheck.Run(stream);
        _parquet = ParquetReader.CreateAsync(stream, new ParquetOptions(), true).GetAwaiter().GetResult();
        DataField[] fields = _parquet.Schema.DataFields;
        DataField[] flat = [.. fields.Where(field => field.MaxRepetitionLevel == 0 && field.Path.Length == 1)];
        _list = fields.FirstOrDefault(field => field.MaxRepetitionLevel == 1 && field.Path.FirstPart == "embedding" && (field.ClrType == typeof(float) || field.ClrType == typeof(double)));
        _values = _list is not null ? [] : [.. Enumerable.Range(0, flat.Length)
            .Select(i => Array.Find(flat, field => field.Name == "e" + i.ToString(CultureInfo.InvariantCulture) && (field.ClrType == typeof(float) || field.ClrType == typeof(double))))
            .TakeWhile(field => field is not null)!];
        if (_list is null && _values.Length == 0)
            throw new InvalidDataException("there is no list of numbers 'embedding' and there are no columns e0, e1, ...");
        _own = [.. flat.Where(field => RowSchema.IsOwnColumn(field.Name) && TypeOf(field) is not null)];
        _carried = [.. flat.Except(_values).Where(field => !RowSchema.IsOwnColumn(field.Name) && TypeOf(field) is not null)];
        bool sha256 = Array.Exists(_own, field => field.Name == "sha256");
        Schema = new RowSchema(FindShape(), FloatType.Float32, sha256, [.. _carried.Select(field => new CarriedColumn(field.Name, TypeOf(field)!.Value))])
        {
            Provenance = _parquet.CustomMetadata.TryGetValue(Provenance.MetadataKey, out string? made) ? Provenance.FromJson(Encoding.UTF8.GetBytes(made)) : null,
        };
    }

    /// <summary>A file of others without any embedding has the shape (0).</summary>
    public RowSchema Schema { get; }

    public RowInfo? Read(Span<float> values)
    {
        while (_nextInGroup == _rows.Length)
        {
            if (_nextGroup == _parquet.RowGroupCount)
                return null;
            LoadGroup();
        }

        (int start, int length) = _rows[_nextInGroup];
        if (length != 0 && length != values.Length)
            throw new InvalidDataException($"row {_next} has {length} values, expected {values.Length}");
        if (length != 0)
            _group.AsSpan(start, length).CopyTo(values);
        else
            values.Fill(float.NaN);
        var info = new RowInfo
        {
            Row = _next++,
            Path = Cell("path") as string ?? "",
            Width = Size("width"),
            Height = Size("height"),
            Sha256 = Cell("sha256") as string,
            Error = Cell("error") as string ?? EmbeddingFile.MissingValues(values),
            Columns = [.. _carried.Select(field => Cell(field.Name))],
        };
        _nextInGroup++;
        return info;
    }

    public void Dispose()
    {
        _parquet.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _stream.Dispose();
    }

    /// <summary>As the file's metadata says, or the length of the first list.</summary>
    private int[] FindShape()
    {
        if (_list is null)
            return [_values.Length];
        if (_parquet.CustomMetadata.TryGetValue(ParquetEmbeddingWriter.ShapeKey, out string? text))
        {
            int[] shape = [.. text.Split(',').Select(side => int.TryParse(side, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 ? number : throw new InvalidDataException("its metadata has a broken shape"))];
            return RowSchema.IsReadable(shape.Select(side => (long)side)) ? shape : throw new InvalidDataException("its metadata claims an absurd shape");
        }

        int found = 0;
        while (found == 0 && _nextGroup < _parquet.RowGroupCount)
        {
            LoadGroup();
            found = _rows.FirstOrDefault(row => row.Length > 0).Length;
        }

        if (_nextGroup > 1)
        {
            _nextGroup = 0;
            _rows = [];
        }

        return [found];
    }

    private void LoadGroup()
    {
        using ParquetRowGroupReader group = _parquet.OpenRowGroupReader(_nextGroup++);
        int rows = (int)group.RowCount;
        _nextInGroup = 0;
        _cells.Clear();
        foreach (DataField field in _own.Concat(_carried))
            _cells[field.Name] = ReadCells(group, field, rows);
        if (_list is null)
            LoadColumns(group, rows);
        else
            LoadLists(group, _list, rows);
    }

    private void LoadLists(ParquetRowGroupReader group, DataField field, int rows)
    {
        using RawColumnData raw = Raw(group, field);
        ReadOnlySpan<int> definitions = raw.DefinitionLevels;
        ReadOnlySpan<int> repetitions = raw.RepetitionLevels;
        int valueLevel = field.MaxDefinitionLevel;
        int elementLevel = field.IsNullable ? valueLevel - 1 : valueLevel; // from here on the list has an element, null or not
        if (repetitions.Length == 0 ? rows != 0 : repetitions[0] != 0)
            throw new InvalidDataException("a list column does not start with a row");
        _rows = new (int, int)[rows];
        _group = new float[repetitions.Length];
        int row = -1;
        int used = 0;
        int next = 0;
        for (int i = 0; i < repetitions.Length; i++)
        {
            if (repetitions[i] == 0)
            {
                if (++row == rows)
                    throw new InvalidDataException("a list column has more rows than its row group");
                _rows[row] = (used, 0);
            }

            int level = definitions.Length == 0 ? valueLevel : definitions[i];
            if (level < elementLevel)
                continue;
            _group[used++] = level == valueLevel ? Value(raw, next++) : float.NaN;
            _rows[row].Length++;
        }

        if (row != rows - 1)
            throw new InvalidDataException($"a list column has {row + 1} rows, its row group {rows}");
    }

    private void LoadColumns(ParquetRowGroupReader group, int rows)
    {
        _group = new float[checked(rows * _values.Length)];
        _rows = [.. Enumerable.Range(0, rows).Select(row => (row * _values.Length, _values.Length))];
        for (int column = 0; column < _values.Length; column++)
        {
            using RawColumnData raw = Raw(group, _values[column]);
            int next = 0;
            for (int row = 0; row < rows; row++)
            {
                bool there = raw.DefinitionLevels.Length == 0 || raw.DefinitionLevels[row] == _values[column].MaxDefinitionLevel;
                _group[row * _values.Length + column] = there ? Value(raw, next++) : float.NaN;
            }
        }
    }

    private static RawColumnData Raw(ParquetRowGroupReader group, DataField field) =>
        group.ReadRawColumnDataBaseAsync(field, CancellationToken.None).AsTask().GetAwaiter().GetResult(); // a local file and no synchronisation context

    private static float Value(RawColumnData raw, int index) =>
        raw is RawColumnData<float> floats ? floats.Values[index] : (float)((RawColumnData<double>)raw).Values[index];

    private static object?[] ReadCells(ParquetRowGroupReader group, DataField field, int rows)
    {
        using RawColumnData raw = Raw(group, field);
        return raw switch
        {
            RawColumnData<ReadOnlyMemory<char>> text => Cells(text, field, rows, value => value.ToString()),
            RawColumnData<int> integers => Cells(integers, field, rows, value => (long)value),
            RawColumnData<long> integers => Cells(integers, field, rows, value => value),
            RawColumnData<short> integers => Cells(integers, field, rows, value => (long)value),
            RawColumnData<sbyte> integers => Cells(integers, field, rows, value => (long)value),
            RawColumnData<byte> integers => Cells(integers, field, rows, value => (long)value),
            RawColumnData<ushort> integers => Cells(integers, field, rows, value => (long)value),
            RawColumnData<uint> integers => Cells(integers, field, rows, value => (long)value),
            RawColumnData<float> numbers => Cells(numbers, field, rows, value => (double)value),
            RawColumnData<double> numbers => Cells(numbers, field, rows, value => value),
            RawColumnData<bool> truths => Cells(truths, field, rows, value => value),
            _ => throw new InvalidDataException($"the column '{field.Name}' has a type that is not read"),
        };
    }

    private static object?[] Cells<T>(RawColumnData<T> raw, DataField field, int rows, Func<T, object?> convert)
        where T : struct
    {
        ReadOnlySpan<int> definitions = raw.DefinitionLevels;
        if ((definitions.Length == 0 ? raw.Values.Length : definitions.Length) < rows)
            throw new InvalidDataException($"the column '{field.Name}' has fewer rows than its row group");
        object?[] cells = new object?[rows];
        int next = 0;
        for (int row = 0; row < rows; row++)
        {
            if (definitions.Length == 0 || definitions[row] == field.MaxDefinitionLevel)
                cells[row] = convert(raw.Values[next++]);
        }

        return cells;
    }

    private object? Cell(string name) => _cells.TryGetValue(name, out object?[]? cells) ? cells[_nextInGroup] : null;

    private int? Size(string name) => Cell(name) is long size and >= 0 and <= int.MaxValue ? (int)size : null;

    private static ColumnType? TypeOf(DataField field)
    {
        Type type = field.ClrType;
        if (type == typeof(ReadOnlyMemory<char>) || type == typeof(string))
            return ColumnType.Text;
        if (type == typeof(int) || type == typeof(long) || type == typeof(short) || type == typeof(sbyte) || type == typeof(byte) || type == typeof(ushort) || type == typeof(uint))
            return ColumnType.Integer;
        if (type == typeof(float) || type == typeof(double))
            return ColumnType.Number;
        return type == typeof(bool) ? ColumnType.Boolean : null;
    }
}
