using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Vectors in one <c>.npz</c>, with what made them and the SHA-256 of their pictures. It is what <c>embed --sha256</c>
/// writes: NumPy opens it, its arrays are not compressed, and a search can embed queries in the same way.
/// </summary>
internal static class IndexFile
{
    /// <summary>Fails before the work starts if the file could not be written after it.</summary>
    /// <exception cref="DinoException">It cannot be written, or would replace a file of another kind.</exception>
    public static void EnsureWritable(string path) => FileKind.Embeddings(FormatCatalog.Npz).EnsureWritable(path);

    /// <summary>Writes the vectors; rows without one are left out.</summary>
    /// <exception cref="DinoException">The file cannot be written, or a column has a name that dino uses.</exception>
    public static void Write(string path, EmbeddingTable table, CancellationToken cancellation)
    {
        bool hasDigests = table.Rows.Any(row => row.Sha256 is not null);
        var schema = new RowSchema([table.Dimension], FloatType.Float32, hasDigests, table.Columns) { Provenance = table.Model };
        using IEmbeddingWriter writer = FormatCatalog.Create(FormatCatalog.Npz, path, schema);
        for (int i = 0; i < table.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            writer.Write(table.Rows[i], table.Values.Span.Slice(i * table.Dimension, table.Dimension));
        }

        writer.Complete();
    }
}
