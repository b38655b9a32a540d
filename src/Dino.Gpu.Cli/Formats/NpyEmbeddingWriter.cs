namespace Dino.Gpu.Cli.Formats;

/// <summary>One <c>.npy</c> array, (images, row shape); a failed image is a row of NaN, so row i is always input i.</summary>
internal sealed class NpyEmbeddingWriter(string path, RowSchema schema) : IEmbeddingWriter
{
    private readonly NpyWriter _file = new(path, [.. schema.Shape]);

    public void Write(RowInfo info, ReadOnlySpan<float> values) => _file.WriteRow(values);

    public void Flush()
    {
        // Nobody reads the array before it is whole.
    }

    public void Complete() => _file.Complete();

    public void Dispose() => _file.Dispose();
}
