using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>The rows of an index of dino's own format that were not removed. Every sum is checked on the way.</summary>
internal sealed class IndexEmbeddingReader : IEmbeddingReader
{
    private readonly FileStream _file;
    private readonly IndexContents _contents;
    private readonly IEnumerator<(RowInfo Row, ReadOnlyMemory<float> Values)> _rows;

    /// <param name="file">The file, disposed with the reader.</param>
    public IndexEmbeddingReader(FileStream file)
    {
        _file = file;
        _contents = IndexContents.Read(file.SafeFileHandle);
        _rows = Rows().GetEnumerator();
    }

    public RowSchema Schema => _contents.Header.Schema;

    public RowInfo? Read(Span<float> values)
    {
        if (!_rows.MoveNext())
            return null;
        _rows.Current.Values.Span.CopyTo(values);
        return _rows.Current.Row;
    }

    public void Dispose()
    {
        _rows.Dispose();
        _file.Dispose();
    }

    private IEnumerable<(RowInfo Row, ReadOnlyMemory<float> Values)> Rows()
    {
        int number = 0;
        float[] values = new float[Schema.Length];
        foreach (SegmentRows segment in _contents.Rows)
        {
            segment.CheckVectors();
            int index = 0;
            foreach (RowInfo row in segment.All())
            {
                if (!_contents.Removed.Contains(number++))
                {
                    segment.Vectors.Read(index, values);
                    yield return (row, values);
                }

                index++;
            }
        }
    }
}
