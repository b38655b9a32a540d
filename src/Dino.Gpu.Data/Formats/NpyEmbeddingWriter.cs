using System.Runtime.InteropServices;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>One <c>.npy</c> array (images, row shape) and nothing else. A failed image keeps its row, of NaN.</summary>
internal sealed class NpyEmbeddingWriter(string path, RowSchema schema) : IEmbeddingWriter
{
    private readonly NpyWriter _file = NpyWriter.Of(schema.Type, path, [.. schema.Shape]);
    private readonly ValueEncoder _encoder = new(schema);

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        ReadOnlySpan<byte> bytes = _encoder.Bytes(info, values);
        if (schema.Type == FloatType.Float16)
            _file.WriteRow(MemoryMarshal.Cast<byte, Half>(bytes));
        else
            _file.WriteRow(MemoryMarshal.Cast<byte, float>(bytes));
    }

    public void Flush()
    {
        // Nobody reads the array before it is whole.
    }

    public void Complete() => _file.Complete();

    public void Dispose() => _file.Dispose();
}
