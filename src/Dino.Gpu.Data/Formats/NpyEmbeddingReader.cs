using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>A <c>.npy</c> array (rows, row shape) of float32, float16 or float64, whoever wrote it.</summary>
internal sealed class NpyEmbeddingReader : IEmbeddingReader
{
    private readonly NpyArray _array;
    private long _next;

    /// <param name="stream">The file, disposed with the reader.</param>
    public NpyEmbeddingReader(Stream stream)
    {
        _array = new NpyArray(stream, stream.Length - stream.Position);
        Schema = new RowSchema(_array.RowShape(), _array.Type == "<f2" ? FloatType.Float16 : FloatType.Float32, false, []);
    }

    public RowSchema Schema { get; }

    public RowInfo? Read(Span<float> values)
    {
        if (_next == _array.Shape[0])
            return null;
        _array.Read(values);
        return new RowInfo { Row = _next++, Path = "", Error = EmbeddingFile.MissingValues(values) };
    }

    public void Dispose() => _array.Dispose();
}
