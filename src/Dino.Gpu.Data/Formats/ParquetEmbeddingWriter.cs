using System.Globalization;
using System.Text;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;
using Parquet;
using Parquet.Schema;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Apache Parquet: <c>path</c>, <c>width</c>, <c>height</c>, <c>sha256</c> when asked, carried columns with their types, <c>error</c>, and <c>embedding</c>, a list of float
/// that is null for a failed image. A grid is flattened row by row; the file's metadata has its shape under <c>dino.gpu.shape</c>.
/// </summary>
internal sealed class ParquetEmbeddingWriter : IEmbeddingWriter
{
    public const string ShapeKey = "dino.gpu.shape";

    /// <summary>
    /// A row group ends at this many values or rows: 768 KiB of values are 512 rows of 384. The library holds it several times over while it packs it, in buffers that are kept and
    /// whose sizes are powers of two: with its levels and the room that Snappy asks for, a group of 1 MiB would need twice that each. Shorter rows keep to 512 as well, or their
    /// paths would weigh more than what fewer groups save in the footer.
    /// </summary>
    private const int ValuesPerGroup = 3 << 16;
    private const int RowsPerGroup = 1 << 9;

    /// <summary>A group ends at this many letters of its texts, too: rows that carry long ones are in memory as a group.</summary>
    private const int LettersPerGroup = 1 << 22;

    // Levels of a value in the file: the list is there and the value in it, or the list is null.
    private const int ValueLevel = 2;
    private const int NullListLevel = 0;

    private readonly RowSchema _schema;
    private readonly AtomicFile _file;
    private readonly ParquetWriter _parquet;
    private readonly ParquetTextColumn _path;
    private readonly ParquetColumn<int> _width;
    private readonly ParquetColumn<int> _height;
    private readonly ParquetTextColumn? _sha256;
    private readonly ParquetColumn[] _carried;
    private readonly ParquetTextColumn _error;
    private readonly DataField _element = new("element", typeof(float), isNullable: false);
    private readonly int _groupRows;
    private readonly float[] _values; // (group rows, row length), those of failed images left out
    private readonly int[] _definitions;
    private readonly int[] _repetitions;
    private int _valueCount;
    private int _levelCount; // values, and one for each failed image
    private int _rows;
    private long _letters;

    /// <exception cref="DinoException">The file cannot be created there, or the schema asks for float16.</exception>
    public ParquetEmbeddingWriter(string path, RowSchema schema)
    {
        if (schema.Type != FloatType.Float32)
            throw new DinoException("Parquet files hold float32: leave out --dtype f16, or write .npz, .npy or .safetensors");
        _schema = schema;
        _groupRows = Math.Clamp(ValuesPerGroup / Math.Max(1, schema.Length), 1, RowsPerGroup);
        _values = new float[checked(_groupRows * schema.Length)];
        _definitions = new int[_values.Length];
        _repetitions = new int[_values.Length];
        _path = new ParquetTextColumn("path", _groupRows);
        _width = new ParquetColumn<int>("width", _groupRows);
        _height = new ParquetColumn<int>("height", _groupRows);
        _sha256 = schema.Sha256 ? new ParquetTextColumn("sha256", _groupRows) : null;
        _carried = [.. schema.Columns.Select(column => ParquetColumn.Of(column, _groupRows))];
        _error = new ParquetTextColumn("error", _groupRows);
        _file = new AtomicFile(path);
        try
        {
            var parquetSchema = new ParquetSchema([.. Columns().Select(column => column.Field), new ListField("embedding", _element)]);
            var options = new ParquetOptions { CompressionMethod = CompressionMethod.Snappy };
            ParquetWriter? parquet = null;
            _file.Write(stream => parquet = ParquetWriter.CreateAsync(parquetSchema, new BlockingStream(stream), options).GetAwaiter().GetResult());
            _parquet = parquet!;
            var metadata = new Dictionary<string, string>
            {
                [ShapeKey] = string.Join(',', schema.Shape.Select(side => side.ToString(CultureInfo.InvariantCulture))),
            };
            if (schema.Provenance is { } provenance)
                metadata.Add(Provenance.MetadataKey, Encoding.UTF8.GetString(provenance.ToJson()));
            _parquet.CustomMetadata = metadata;
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
        _path.Add(info.Path);
        _width.Add(info.Width);
        _height.Add(info.Height);
        _sha256?.Add(info.Sha256);
        _letters += info.Path.Length;
        for (int i = 0; i < _carried.Length; i++)
        {
            _carried[i].Add(info.Columns[i]);
            _letters += info.Columns[i] is string text ? text.Length : 0;
        }

        _error.Add(info.Error);

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

        if (++_rows == _groupRows || _letters >= LettersPerGroup)
            WriteGroup();
    }

    public void Flush()
    {
        // A row group ends by what is in it alone, or the bytes would depend on when they came.
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

    /// <summary>All but the embedding, in the order of the file.</summary>
    private IEnumerable<ParquetColumn> Columns() => [_path, _width, _height, .. _sha256 is null ? Array.Empty<ParquetColumn>() : [_sha256], .. _carried, _error];

    private void WriteGroup()
    {
        // No synchronisation context here, and the stream is a local file: blocking on the task is safe.
        _file.Write(_ => WriteGroupAsync().GetAwaiter().GetResult());
        (_valueCount, _levelCount, _rows, _letters) = (0, 0, 0, 0);
    }

    private async Task WriteGroupAsync()
    {
        using ParquetRowGroupWriter group = _parquet.CreateRowGroup();
        foreach (ParquetColumn column in Columns())
            await column.WriteAsync(group).ConfigureAwait(false);
        await group.WriteAllPartsAsync<float>(_element, _values.AsMemory(0, _valueCount), _definitions.AsMemory(0, _levelCount), _repetitions.AsMemory(0, _levelCount), CancellationToken.None).ConfigureAwait(false);
        group.CompleteValidate();
    }
}
