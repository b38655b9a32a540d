namespace Dino.Gpu.Cli.Output;

/// <summary>One <c>.npy</c> array, (images, row shape); a failed image is a row of NaN, so row i is always input i.</summary>
internal sealed class NpyEmbeddingWriter : IEmbeddingWriter
{
    private readonly NpyWriter _file;
    private readonly float[] _missing;

    public NpyEmbeddingWriter(string path, int[] rowShape)
    {
        _file = new NpyWriter(path, rowShape);
        _missing = new float[rowShape.Aggregate(1, (product, side) => product * side)];
        Array.Fill(_missing, float.NaN);
    }

    public void WriteRow(string path, ReadOnlySpan<float> row) => _file.WriteRow(row);

    public void WriteFailure(string path, string reason) => _file.WriteRow(_missing);

    public void Flush()
    {
        // Nobody reads the array before it is whole.
    }

    public void Complete() => _file.Complete();

    public void Dispose() => _file.Dispose();
}
