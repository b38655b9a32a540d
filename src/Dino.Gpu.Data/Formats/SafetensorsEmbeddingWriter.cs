using System.Text;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A <c>.safetensors</c> file with <c>embedding</c> (images, row shape) as F32 or F16, <c>row</c> (of the input list)
/// as I64, and <c>width</c> and <c>height</c> (-1 if unknown) as I32. The format has no text, so it lacks paths,
/// errors, digests and carried columns. A failed image is a row of NaN.
/// </summary>
internal sealed class SafetensorsEmbeddingWriter : IEmbeddingWriter
{
    private readonly RowSchema _schema;
    private readonly AtomicFile _file;
    private readonly ValueEncoder _encoder;
    private readonly List<ColumnSpool> _columns = [];
    private readonly int _headerLength;
    private long _rows;

    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public SafetensorsEmbeddingWriter(string path, RowSchema schema)
    {
        _schema = schema;
        _encoder = new ValueEncoder(schema);
        _headerLength = Header(long.MaxValue / (schema.Length * 4L + 16)).Length; // room for any number of rows
        _file = new AtomicFile(path);
        try
        {
            _columns.Add(ColumnSpool.OfInt64(_file, "row"));
            _columns.Add(ColumnSpool.OfInt32(_file, "width"));
            _columns.Add(ColumnSpool.OfInt32(_file, "height"));
            _file.Write(Header(_rows));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        _file.Write(_encoder.Bytes(info, values));
        _columns[0].Add(info.Row);
        _columns[1].Add(info.Width ?? -1);
        _columns[2].Add(info.Height ?? -1);
        _rows++;
    }

    public void Flush()
    {
        // Nobody reads the tensors before they are whole.
    }

    public void Complete()
    {
        foreach (ColumnSpool column in _columns)
            column.CopyTo(_file.Write);
        _file.Write(stream =>
        {
            stream.Position = 0;
            stream.Write(Header(_rows));
        });
        _file.Complete();
    }

    public void Dispose()
    {
        foreach (ColumnSpool column in _columns)
            column.Dispose();
        _file.Dispose();
    }

    private byte[] Header(long rows) => SafetensorsHeader.Write(
        [
            new("embedding", _schema.Type == FloatType.Float16 ? "F16" : "F32", [rows, .. _schema.Shape.Select(side => (long)side)]),
            new("row", "I64", [rows]),
            new("width", "I32", [rows]),
            new("height", "I32", [rows]),
        ],
        Metadata,
        _headerLength);

    private IEnumerable<KeyValuePair<string, string>> Metadata
    {
        get
        {
            yield return new("format", "dino.gpu");
            if (_schema.Provenance is { } provenance)
                yield return new(Provenance.MetadataKey, Encoding.UTF8.GetString(provenance.ToJson())); // metadata is text
        }
    }
}
