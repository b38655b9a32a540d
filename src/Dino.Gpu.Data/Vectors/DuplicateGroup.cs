using Dino.Gpu.Data.Rows;
using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Vectors;

/// <summary>Pictures that show the same.</summary>
/// <param name="Number">Of the group, from 1.</param>
/// <param name="Keep">The one to keep: the largest, or the first of equally large ones.</param>
/// <param name="Duplicates">
/// The others, each with its cosine with the one to keep. It may be below the threshold where pictures between the two
/// join them.
/// </param>
internal sealed record DuplicateGroup(int Number, RowInfo Keep, IReadOnlyList<(RowInfo Image, double Score)> Duplicates)
{
    /// <param name="number">Of the group, from 1.</param>
    /// <param name="rows">Rows of the table, at least two.</param>
    /// <param name="table">The vectors.</param>
    public static DuplicateGroup Of(int number, int[] rows, EmbeddingTable table)
    {
        int keep = rows.MaxBy(row => (long)(table.Rows[row].Width ?? 0) * (table.Rows[row].Height ?? 0)); // the first of equals
        ReadOnlyMemory<float> kept = Vector(keep);
        IEnumerable<(RowInfo Image, double Score)> others = rows
            .Where(row => row != keep)
            .Select(row => (table.Rows[row], NearestNeighbors.Cosine(kept.Span, Vector(row).Span)));
        return new DuplicateGroup(number, table.Rows[keep], [.. others.OrderByDescending(one => one.Score)]);

        ReadOnlyMemory<float> Vector(int row) => table.Values.Slice(row * table.Dimension, table.Dimension);
    }
}
