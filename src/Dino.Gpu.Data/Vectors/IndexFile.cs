using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Vectors in one file to search, with what made them and the SHA-256 of their pictures, so that a search can embed
/// queries in the same way. An <c>.npz</c> is what <c>embed --sha256</c> writes: NumPy opens it, and its arrays are not
/// compressed. A <c>.dinoidx</c> is searched where it lies, see <see cref="VectorIndex"/>.
/// </summary>
internal static class IndexFile
{
    private static EmbeddingFormat[] Formats => [FormatCatalog.Npz, FormatCatalog.Index];

    /// <summary>Whether a file's extension is that of an index.</summary>
    public static bool IsIndex(string path) => FormatCatalog.FromOutput(path) is { } format && Formats.Contains(format);

    /// <summary>".npz or .dinoidx"</summary>
    public static string Extensions { get; } = string.Join(" or ", Formats.Select(format => format.Extensions[0]));

    /// <summary>Fails before the work starts if the file could not be written after it.</summary>
    /// <exception cref="DinoException">It cannot be written, or would replace a file of another kind.</exception>
    public static void EnsureWritable(string path) => FileKind.Embeddings(FormatOf(path)).EnsureWritable(path);

    /// <summary>
    /// Writes the vectors; rows without one are left out. Rows of several files are numbered anew: without paths, the
    /// number is all that tells them apart.
    /// </summary>
    /// <param name="path">The file; its extension decides the format.</param>
    /// <param name="table">The vectors.</param>
    /// <param name="type">Type of the values in the file.</param>
    /// <param name="cancellation">Ends the writing.</param>
    /// <exception cref="DinoException">
    /// The file cannot be written, a value does not fit float16, or a column has a name that dino uses.
    /// </exception>
    public static IndexSummary Write(string path, EmbeddingTable table, FloatType type, CancellationToken cancellation)
    {
        bool hasDigests = table.Rows.Any(row => row.Sha256 is not null);
        var schema = new RowSchema([table.Dimension], type, hasDigests, table.Columns) { Provenance = table.Model };
        using IEmbeddingWriter writer = FormatCatalog.Create(FormatOf(path), path, schema);
        for (int i = 0; i < table.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            RowInfo row = table.Rows[i];
            writer.Write(row.File is null ? row : row with { Row = i }, table.Values.Span.Slice(i * table.Dimension, table.Dimension));
        }

        writer.Complete();
        return new IndexSummary(table.Count, table.Dimension, table.Failures.Count, table.Model);
    }

    /// <summary>
    /// Whether <see cref="Gather"/> can write the file: no input has to be embedded, and the format needs no table.
    /// </summary>
    public static bool CanGather(string path, IReadOnlyList<string> inputs) =>
        FormatCatalog.IsIndex(path) && inputs.All(EmbeddingTable.IsEmbeddings);

    /// <summary>
    /// Writes the vectors of several inputs, row by row: there may be more of them than memory holds. Rows are numbered
    /// as in <see cref="Write"/>.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="inputs">Files of embeddings, or folders of runs.</param>
    /// <param name="type">Type of the values in the file.</param>
    /// <param name="comparable">Looks at the inputs.</param>
    /// <param name="cancellation">Ends the writing.</param>
    /// <exception cref="DinoException">
    /// An input cannot be read, the vectors cannot be compared, there is none, or the file cannot be written.
    /// </exception>
    public static IndexSummary Gather(
        string path, IReadOnlyList<string> inputs, FloatType type, ComparableVectors comparable, CancellationToken cancellation)
    {
        using var gathered = new GatheredRows(inputs, comparable);
        CarriedColumn[] columns = ColumnTypes.Union(gathered.Inputs.Select(rows => rows.Columns));
        int count = 0, failed = 0;
        var schema = new RowSchema(gathered.Shape, type, true, columns) { Provenance = gathered.Model };
        using IEmbeddingWriter writer = FormatCatalog.Create(FormatCatalog.Index, path, schema);
        foreach (EmbeddingRows rows in gathered.Inputs)
        {
            Func<RowInfo, RowInfo> place = EmbeddingTable.PlaceColumns(rows.Columns, columns);
            foreach ((RowInfo row, ReadOnlyMemory<float> values) in rows.Read(cancellation))
            {
                if (row.Error is not null)
                {
                    failed++;
                    continue;
                }

                EmbeddingTable.RequireFinite(rows.Name, row, values.Span);
                writer.Write(inputs.Count == 1 ? place(row) : place(row) with { Row = count }, values.Span);
                count++;
            }
        }

        if (count == 0)
            throw EmbeddingTable.NoEmbeddings(inputs[0], failed);
        writer.Complete();
        return new IndexSummary(count, gathered.Shape[0], failed, gathered.Model);
    }

    private static EmbeddingFormat FormatOf(string path) => FormatCatalog.FromOutput(path) ?? FormatCatalog.Npz;
}
