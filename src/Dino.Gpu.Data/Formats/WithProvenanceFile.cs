using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>Writes a file of rows and, once it is complete, what made them beside it.</summary>
/// <param name="inner">Writes the rows; disposed with this.</param>
/// <param name="path">The file of rows.</param>
/// <param name="provenance">What made them.</param>
internal sealed class WithProvenanceFile(IEmbeddingWriter inner, string path, Provenance provenance) : IEmbeddingWriter
{
    public void Write(RowInfo info, ReadOnlySpan<float> values) => inner.Write(info, values);

    public void Flush() => inner.Flush();

    public void Complete()
    {
        ProvenanceFile.Delete(path); // a process that ends here leaves rows of unknown origin, not of a wrong one
        inner.Complete();
        ProvenanceFile.Write(path, provenance);
    }

    public void Dispose() => inner.Dispose();
}
