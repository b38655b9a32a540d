using Dino.Gpu.Data.Rows;
using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Vectors;

/// <summary>Pictures that show the same.</summary>
/// <param name="Number">Of the group, from 1.</param>
/// <param name="Keep">
/// The one to keep: the largest, or the first of equally large ones. It is of a reference folder where one has a
/// picture of the group.
/// </param>
/// <param name="References">Others of the reference folders, which are kept too.</param>
/// <param name="Duplicates">The pictures that could go.</param>
internal sealed record DuplicateGroup(
    int Number, RowInfo Keep, IReadOnlyList<ScoredPicture> References, IReadOnlyList<ScoredPicture> Duplicates)
{
    /// <param name="number">Of the group, from 1.</param>
    /// <param name="rows">Rows of the table, at least two.</param>
    /// <param name="kept">For each row of the table, whether its picture is in a reference folder.</param>
    /// <param name="table">The vectors.</param>
    public static DuplicateGroup Of(int number, int[] rows, bool[] kept, EmbeddingTable table)
    {
        int[] references = [.. rows.Where(row => kept[row])];
        int keep = (references.Length > 0 ? references : rows).MaxBy(Area); // the first of equals
        return new DuplicateGroup(
            number,
            table.Rows[keep],
            Scored(references.Where(row => row != keep)),
            Scored(rows.Where(row => row != keep && !kept[row])));

        long Area(int row) => (long)(table.Rows[row].Width ?? 0) * (table.Rows[row].Height ?? 0);

        IReadOnlyList<ScoredPicture> Scored(IEnumerable<int> others) =>
            [.. others.Select(row => new ScoredPicture(table.Rows[row], Score(row))).OrderByDescending(one => one.Score)];

        double Score(int row) => NearestNeighbors.Cosine(Vector(keep), Vector(row));

        ReadOnlySpan<float> Vector(int row) => table.Values.Span.Slice(row * table.Dimension, table.Dimension);
    }
}

/// <summary>A picture beside the one to keep.</summary>
/// <param name="Image">The picture.</param>
/// <param name="Score">
/// Its cosine with the one to keep. It may be below the threshold where other pictures join the two.
/// </param>
internal readonly record struct ScoredPicture(RowInfo Image, double Score);
