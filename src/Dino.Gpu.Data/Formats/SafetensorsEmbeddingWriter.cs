using System.Buffers.Binary;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A <c>.safetensors</c> file: <c>embedding</c> (images, row shape) F32 or F16, <c>row</c> I64 (the row of the input list), <c>width</c> and <c>height</c> I32
/// (-1 where unknown). The format has no text: paths, errors, digests and carried columns are not in it. A failed image is a row of NaN.
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
        _headerLength = (Header(long.MaxValue / (schema.Length * 4L + 16)).Length + 7) / 8 * 8; // room for any number of rows
        _file = new AtomicFile(path);
        try
        {
            _columns.Add(ColumnSpool.OfInt64(_file, "row"));
            _columns.Add(ColumnSpool.OfInt32(_file, "width"));
            _columns.Add(ColumnSpool.OfInt32(_file, "height"));
            _file.Write(PaddedHeader());
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
            stream.Write(PaddedHeader());
        });
        _file.Complete();
    }

    public void Dispose()
    {
        foreach (ColumnSpool column in _columns)
            column.Dispose();
        _file.Dispose();
    }

    /// <summary>The length, and the JSON with spaces up to it, which the format allows.</summary>
    private byte[] PaddedHeader()
    {
        byte[] header = new byte[8 + _headerLength];
        BinaryPrimitives.WriteInt64LittleEndian(header, _headerLength);
        header.AsSpan(8).Fill((byte)' ');
        Header(_rows).CopyTo(header.AsSpan(8));
        return header;
    }

    private ReadOnlySpan<byte> Header(long rows)
    {
        bool half = _schema.Type == FloatType.Float16;
        return SafetensorsHeader.Json(
        [
            new("embedding", half ? "F16" : "F32", half ? 2 : 4, [rows, .. _schema.Shape.Select(side => (long)side)]),
            new("row", "I64", 8, [rows]),
            new("width", "I32", 4, [rows]),
            new("height", "I32", 4, [rows]),
        ],
            _schema.Provenance);
    }
}
