using System.Globalization;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;
using ParquetSharp;
using ParquetSharp.IO;
using ParquetSharp.Schema;
using Encoding = System.Text.Encoding;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Apache Parquet: <c>path</c>, <c>width</c>, <c>height</c>, <c>sha256</c> if asked for, carried columns with their
/// types, <c>error</c>, and <c>embedding</c>, a list of float or float16 that is null for a failed image. A grid is
/// flattened row by row. The file's metadata has its shape under <c>dino.gpu.shape</c>.
/// </summary>
internal sealed class ParquetEmbeddingWriter : IEmbeddingWriter
{
    public const string ShapeKey = "dino.gpu.shape";

    /// <summary>
    /// A row group ends at this many values or rows. 768 KiB of float32 are 512 rows of 384, and the library holds them
    /// several times while it packs them. Groups of shorter rows have 512 too: the paths of more would take more memory
    /// than the footer saves.
    /// </summary>
    private const int ValuesPerGroup = 3 << 16;
    private const int RowsPerGroup = 1 << 9;

    /// <summary>
    /// A group also ends at this many characters of text, because the texts of a group are in memory.
    /// </summary>
    private const int CharactersPerGroup = 1 << 22;

    private readonly RowSchema _schema;
    private readonly AtomicFile _file;
    private readonly ParquetStream _stream;
    private readonly ManagedOutputStream _output;
    private readonly ParquetFileWriter _parquet;
    private readonly ValueEncoder _encoder;
    private readonly ParquetTextColumn _path;
    private readonly ParquetColumn<int> _width;
    private readonly ParquetColumn<int> _height;
    private readonly ParquetTextColumn? _sha256;
    private readonly ParquetColumn[] _carried;
    private readonly ParquetTextColumn _error;
    private readonly ParquetVectorColumn _values;
    private readonly int _groupRows;
    private int _rows;
    private long _characters;

    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public ParquetEmbeddingWriter(string path, RowSchema schema)
    {
        _schema = schema;
        _encoder = new ValueEncoder(schema);
        _groupRows = Math.Clamp(ValuesPerGroup / Math.Max(1, schema.Length), 1, RowsPerGroup);
        _values = new ParquetVectorColumn(schema.Type, _groupRows, schema.Length);
        _path = new ParquetTextColumn("path", _groupRows);
        _width = new ParquetColumn<int>("width", _groupRows);
        _height = new ParquetColumn<int>("height", _groupRows);
        _sha256 = schema.Sha256 ? new ParquetTextColumn("sha256", _groupRows) : null;
        _carried = [.. schema.Columns.Select(column => ParquetColumn.Of(column, _groupRows))];
        _error = new ParquetTextColumn("error", _groupRows);
        _file = new AtomicFile(path);
        _stream = new ParquetStream(_file.Stream);
        try
        {
            ManagedOutputStream? output = null;
            ParquetFileWriter? parquet = null;
            _file.Write(_ => _stream.Call(() =>
            {
                output = new ManagedOutputStream(_stream, leaveOpen: true);
                parquet = CreateWriter(output);
            }));
            _output = output!;
            _parquet = parquet!;
        }
        catch
        {
            _stream.Abandon();
            _file.Dispose();
            throw;
        }
    }

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        ReadOnlySpan<byte> bytes = info.Error is null ? _encoder.Bytes(info, values) : [];
        _path.Add(info.Path);
        _width.Add(info.Width);
        _height.Add(info.Height);
        _sha256?.Add(info.Sha256);
        _characters += info.Path.Length;
        for (int i = 0; i < _carried.Length; i++)
        {
            _carried[i].Add(info.Columns[i]);
            _characters += info.Columns[i] is string text ? text.Length : 0;
        }

        _error.Add(info.Error);
        _values.Add(bytes);
        if (++_rows == _groupRows || _characters >= CharactersPerGroup)
            WriteGroup();
    }

    public void Flush()
    {
        // Only its rows end a row group. Otherwise the bytes of the file would depend on the time of the calls.
    }

    public void Complete()
    {
        if (_rows > 0)
            WriteGroup();
        _file.Write(_ => _stream.Call(_parquet.Close)); // writes the footer
        _file.Complete();
    }

    public void Dispose()
    {
        _stream.Abandon();
        _parquet.Dispose();
        _output.Dispose();
        _file.Dispose();
    }

    /// <summary>All columns except the embedding, in the order of the file.</summary>
    private IEnumerable<ParquetColumn> Columns() =>
        [_path, _width, _height, .. _sha256 is null ? Array.Empty<ParquetColumn>() : [_sha256], .. _carried, _error];

    private ParquetFileWriter CreateWriter(ManagedOutputStream output)
    {
        Node[] nodes = [.. Columns().Select(column => column.Node()), _values.Node()];
        try
        {
            using var schema = new GroupNode("schema", Repetition.Required, nodes);
            using var builder = new WriterPropertiesBuilder();
            string values = $"{RowSchema.EmbeddingColumn}.list.element";
            // The values do not repeat, and nobody searches for them.
            builder.Compression(Compression.Snappy).EnablePageChecksum().DisableDictionary(values).DisableStatistics(values);
            using WriterProperties properties = builder.Build();
            var metadata = new Dictionary<string, string>
            {
                [ShapeKey] = string.Join(',', _schema.Shape.Select(side => side.ToString(CultureInfo.InvariantCulture))),
            };
            if (_schema.Provenance is { } provenance)
                metadata.Add(Provenance.MetadataKey, Encoding.UTF8.GetString(provenance.ToJson()));
            return new ParquetFileWriter(output, schema, properties, metadata);
        }
        finally
        {
            foreach (Node node in nodes)
                node.Dispose();
        }
    }

    private void WriteGroup()
    {
        _file.Write(_ => _stream.Call(() =>
        {
            using RowGroupWriter group = _parquet.AppendRowGroup();
            foreach (ParquetColumn column in Columns())
            {
                using ColumnWriter writer = group.NextColumn();
                column.Write(writer);
            }

            using (ColumnWriter writer = group.NextColumn())
                _values.Write(writer);
            group.Close();
        }));
        (_rows, _characters) = (0, 0);
    }
}
