using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A NumPy <c>.npz</c> with the arrays <c>embedding</c> (images, row shape), <c>row</c>, <c>path</c>, <c>width</c> and
/// <c>height</c> (-1 if unknown), <c>sha256</c> if asked for, <c>error</c> ('' if there is none), and the carried
/// columns under their names. Nothing is pickled or compressed. A member <c>model.json</c> says what made the vectors,
/// if that is known; NumPy returns its bytes.
/// </summary>
internal sealed class NpzEmbeddingWriter : IEmbeddingWriter
{
    private const string Embedding = "embedding.npy";

    private readonly RowSchema _schema;
    private readonly AtomicFile _file;
    private readonly ValueEncoder _encoder;
    private readonly StoredZip _zip;
    private readonly List<ColumnSpool> _columns = [];
    private readonly object?[] _cells;
    private long _rows;

    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public NpzEmbeddingWriter(string path, RowSchema schema)
    {
        _schema = schema;
        _encoder = new ValueEncoder(schema);
        _file = new AtomicFile(path);
        try
        {
            _zip = new StoredZip(_file);
            _columns.Add(ColumnSpool.OfInt64(_file, "row"));
            _columns.Add(ColumnSpool.OfText(_file, "path"));
            _columns.Add(ColumnSpool.OfInt32(_file, "width"));
            _columns.Add(ColumnSpool.OfInt32(_file, "height"));
            if (schema.Sha256)
                _columns.Add(ColumnSpool.OfText(_file, "sha256"));
            foreach (CarriedColumn column in schema.Columns)
                _columns.Add(ColumnSpool.Of(_file, column));
            _columns.Add(ColumnSpool.OfText(_file, "error"));
            _cells = new object?[_columns.Count];
            _zip.Begin(Embedding, Header().Length);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        _zip.Write(_encoder.Bytes(info, values));
        int next = 0;
        _cells[next++] = info.Row;
        _cells[next++] = info.Path;
        _cells[next++] = info.Width ?? -1;
        _cells[next++] = info.Height ?? -1;
        if (_schema.Sha256)
            _cells[next++] = info.Sha256;
        for (int i = 0; i < _schema.Columns.Count; i++)
            _cells[next++] = info.Columns[i];
        _cells[next] = info.Error;
        for (int i = 0; i < _cells.Length; i++)
            _columns[i].Add(_cells[i]);
        _rows++;
    }

    public void Flush()
    {
        // Nobody reads the archive before it is whole.
    }

    public void Complete()
    {
        _zip.End(Header());
        foreach (ColumnSpool column in _columns)
        {
            byte[] header = NpyHeader.Reserve(column.NumpyType, _rows, []);
            _zip.Begin(column.Name + ".npy", header.Length);
            column.CopyTo(_zip.Write);
            _zip.End(header);
        }

        if (_schema.Provenance is { } provenance)
        {
            _zip.Begin(Provenance.MemberName, 0);
            _zip.Write(provenance.ToJson());
            _zip.End([]);
        }

        _zip.Finish();
        _file.Complete();
    }

    public void Dispose()
    {
        foreach (ColumnSpool column in _columns)
            column.Dispose();
        _file.Dispose();
    }

    private byte[] Header() => NpyHeader.Reserve(NpyHeader.TypeOf(_schema.Type), _rows, _schema.Shape);
}
