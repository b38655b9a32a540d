using System.Runtime.InteropServices;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>A new index of dino's own format. Rows without an embedding are left out.</summary>
internal sealed class IndexEmbeddingWriter : IEmbeddingWriter
{
    private readonly RowSchema _schema;
    private readonly AtomicFile _file;
    private readonly ValueEncoder _encoder;
    private readonly IndexAppender _appender;
    private readonly List<RowInfo> _rows = [];
    private readonly int _segmentRows;
    private float[] _values = []; // of the rows that are not written yet
    private int _count;

    /// <exception cref="DinoException">The file cannot be created there, or a row is no vector.</exception>
    public IndexEmbeddingWriter(string path, RowSchema schema)
    {
        if (schema.Shape.Count != 1)
            throw new DinoException($"{path}: an index holds vectors, found rows of ({string.Join(", ", schema.Shape)})");
        _schema = schema;
        _encoder = new ValueEncoder(schema);
        _segmentRows = IndexAppender.RowsOf(schema.Length);
        (IndexHeader header, byte[] start) = IndexHeader.Create(schema);
        _file = new AtomicFile(path);
        try
        {
            _appender = new IndexAppender(_file.Stream, header, header.DataStart);
            _file.Write(start);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        if (info.Error is not null)
            return;
        if (_count == int.MaxValue)
            throw new DinoException($"an index holds at most {int.MaxValue} vectors");
        int start = _rows.Count * _schema.Length;
        if (start == _values.Length)
            Array.Resize(ref _values, Math.Clamp(2 * _rows.Count, 1, _segmentRows) * _schema.Length);
        _encoder.Rounded(info, values).CopyTo(_values.AsSpan(start));
        _rows.Add(info);
        _count++;
        if (_rows.Count == _segmentRows)
            Append();
    }

    public void Flush()
    {
        // Nobody reads the index before it is whole.
    }

    public void Complete()
    {
        Append();
        _file.Write(_ => _appender.Write(new IndexCommit(0, _appender.End, _count, 0)));
        _file.Complete();
    }

    public void Dispose() => _file.Dispose();

    private void Append()
    {
        if (_rows.Count == 0)
            return;
        _file.Write(_ => _appender.Append(CollectionsMarshal.AsSpan(_rows), _values.AsSpan(0, _rows.Count * _schema.Length)));
        _rows.Clear();
    }
}
