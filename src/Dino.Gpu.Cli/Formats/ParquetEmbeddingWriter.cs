using System.Globalization;
using Dino.Gpu.Cli.Output;
using Parquet;
using Parquet.Schema;

namespace Dino.Gpu.Cli.Formats;

/// <summary>
/// Apache Parquet: <c>path</c>, <c>width</c>, <c>height</c>, <c>sha256</c> when asked, carried columns with their types, <c>error</c>, and <c>embedding</c>, a list of float
/// that is null for a failed image. A grid is flattened row by row; the file's metadata has its shape under <c>dino.gpu.shape</c>.
/// </summary>
internal sealed class ParquetEmbeddingWriter : IEmbeddingWriter
{
    public const string ShapeKey = "dino.gpu.shape";

    /// <summary>A row group ends at this many values or rows: 1 MiB of values, 682 rows of 384. It is held in memory several times over while it is packed.</summary>
    private const int ValuesPerGroup = 1 << 18;
    private const int RowsPerGroup = 1 << 14;

    // Levels of a value in the file: the list is there and the value in it, or the list is null.
    private const int ValueLevel = 2;
    private const int NullListLevel = 0;

    private readonly RowSchema _schema;
    private readonly OutputFile _file;
    private readonly ParquetWriter _parquet;
    private readonly DataField[] _fields;
    private readonly DataField _element = new("element", typeof(float), isNullable: false);
    private readonly List<object?>[] _cells;
    private readonly int _groupRows;
    private readonly float[] _values; // (group rows, row length), those of failed images left out
    private readonly int[] _definitions;
    private readonly int[] _repetitions;
    private int _valueCount;
    private int _levelCount; // values, and one for each failed image
    private int _rows;

    /// <exception cref="DinoException">The file cannot be created there, or the schema asks for float16.</exception>
    public ParquetEmbeddingWriter(string path, RowSchema schema)
    {
        if (schema.Type != ValueType.Float32)
            throw new DinoException("Parquet files hold float32: leave out --dtype f16, or write .npz, .npy or .safetensors");
        _schema = schema;
        _groupRows = Math.Clamp(ValuesPerGroup / Math.Max(1, schema.Length), 1, RowsPerGroup);
        _values = new float[checked(_groupRows * schema.Length)];
        _definitions = new int[_values.Length];
        _repetitions = new int[_values.Length];
        DataField[] sha256 = schema.Sha256 ? [new DataField("sha256", typeof(string), isNullable: true)] : [];
        _fields =
        [
            new DataField("path", typeof(string), isNullable: true),
            new DataField("width", typeof(int), isNullable: true),
            new DataField("height", typeof(int), isNullable: true),
            .. sha256,
            .. schema.Columns.Select(Field),
            new DataField("error", typeof(string), isNullable: true),
        ];
        _cells = [.. _fields.Select(_ => new List<object?>())];
        _file = new OutputFile(path);
        try
        {
            var parquetSchema = new ParquetSchema([.. _fields, new ListField("embedding", _element)]);
            var options = new ParquetOptions { CompressionMethod = CompressionMethod.Snappy };
            ParquetWriter? parquet = null;
            _file.Write(stream => parquet = ParquetWriter.CreateAsync(parquetSchema, stream, options).GetAwaiter().GetResult());
            _parquet = parquet!;
            _parquet.CustomMetadata = new Dictionary<string, string> { [ShapeKey] = string.Join(',', schema.Shape.Select(side => side.ToString(CultureInfo.InvariantCulture))) };
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        if (values.Length != _schema.Length)
            throw new ArgumentException($"A row has {_schema.Length} values, got {values.Length}.");
        int next = 0;
        _cells[next++].Add(info.Path);
        _cells[next++].Add(info.Width);
        _cells[next++].Add(info.Height);
        if (_schema.Sha256)
            _cells[next++].Add(info.Sha256);
        for (int i = 0; i < _schema.Columns.Count; i++)
            _cells[next++].Add(info.Columns[i]);
        _cells[next].Add(info.Error);

        if (info.Error is null)
        {
            values.CopyTo(_values.AsSpan(_valueCount));
            _valueCount += values.Length;
            _definitions.AsSpan(_levelCount, values.Length).Fill(ValueLevel);
            _repetitions.AsSpan(_levelCount, values.Length).Fill(1);
            _repetitions[_levelCount] = 0;
            _levelCount += values.Length;
        }
        else
        {
            _definitions[_levelCount] = NullListLevel;
            _repetitions[_levelCount] = 0;
            _levelCount++;
        }

        if (++_rows == _groupRows)
            WriteGroup();
    }

    public void Flush()
    {
        // A row group ends by its rows alone, or the bytes would depend on when they came.
    }

    public void Complete()
    {
        if (_rows > 0)
            WriteGroup();
        _file.Write(_ => _parquet.DisposeAsync().AsTask().GetAwaiter().GetResult()); // the footer
        _file.Complete();
    }

    /// <summary>The Parquet writer has no resources but the stream, and disposing it would write a footer for nobody.</summary>
    public void Dispose() => _file.Dispose();

    private static DataField Field(CarriedColumn column) => new(column.Name, column.Type switch
    {
        ColumnType.Text => typeof(string),
        ColumnType.Integer => typeof(long),
        ColumnType.Number => typeof(double),
        _ => typeof(bool),
    }, isNullable: true);

    private void WriteGroup()
    {
        // No synchronisation context here, and the stream is a local file: blocking on the task is safe.
        _file.Write(_ => WriteGroupAsync().GetAwaiter().GetResult());
        foreach (List<object?> cells in _cells)
            cells.Clear();
        (_valueCount, _levelCount, _rows) = (0, 0, 0);
    }

    private async Task WriteGroupAsync()
    {
        using ParquetRowGroupWriter group = _parquet.CreateRowGroup();
        for (int i = 0; i < _fields.Length; i++)
            await WriteColumnAsync(group, _fields[i], _cells[i]).ConfigureAwait(false);
        await group.WriteAllPartsAsync<float>(_element, _values.AsMemory(0, _valueCount), _definitions.AsMemory(0, _levelCount), _repetitions.AsMemory(0, _levelCount), CancellationToken.None).ConfigureAwait(false);
        group.CompleteValidate();
    }

    private static Task WriteColumnAsync(ParquetRowGroupWriter group, DataField field, List<object?> cells)
    {
        if (field.ClrType == typeof(int))
            return group.WriteAsync<int>(field, cells.Select(cell => (int?)cell).ToArray());
        if (field.ClrType == typeof(long))
            return group.WriteAsync<long>(field, cells.Select(cell => (long?)cell).ToArray());
        if (field.ClrType == typeof(double))
            return group.WriteAsync<double>(field, cells.Select(cell => (double?)cell).ToArray());
        if (field.ClrType == typeof(bool))
            return group.WriteAsync<bool>(field, cells.Select(cell => (bool?)cell).ToArray());
        return group.WriteAsync(field, cells.Select(cell => (string)cell!).ToArray());
    }
}
