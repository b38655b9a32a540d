using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>Pictures that show the same.</summary>
/// <param name="Number">The group's number, from 1.</param>
/// <param name="Keep">
/// The picture to keep: the largest, or the first of several that are equally large. If the group has pictures in
/// reference folders, it is one of them.
/// </param>
/// <param name="References">Other pictures in reference folders. They are kept too.</param>
/// <param name="Duplicates">The pictures that could go.</param>
internal sealed record DuplicateGroup(
    int Number, RowInfo Keep, IReadOnlyList<ScoredPicture> References, IReadOnlyList<ScoredPicture> Duplicates)
{
    /// <summary>The group of some rows.</summary>
    /// <param name="number">The group's number, from 1.</param>
    /// <param name="rows">Rows of the table, at least two.</param>
    /// <param name="kept">For each row of the table, whether its picture is in a reference folder.</param>
    /// <param name="table">The pictures.</param>
    /// <param name="cosine">Of two rows.</param>
    public static DuplicateGroup Of(int number, int[] rows, bool[] kept, EmbeddingTable table, Func<int, int, double> cosine)
    {
        int[] references = [.. rows.Where(row => kept[row])];
        int keep = (references.Length > 0 ? references : rows).MaxBy(Area); // the first of several equals
        return new DuplicateGroup(
            number,
            table.Rows[keep],
            Scored(references.Where(row => row != keep)),
            Scored(rows.Where(row => row != keep && !kept[row])));

        long Area(int row) => (long)(table.Rows[row].Width ?? 0) * (table.Rows[row].Height ?? 0);

        IReadOnlyList<ScoredPicture> Scored(IEnumerable<int> others) =>
            [.. others.Select(row => new ScoredPicture(table.Rows[row], cosine(keep, row))).OrderByDescending(one => one.Score)];
    }
}

/// <summary>A picture beside the one to keep.</summary>
/// <param name="Image">The picture.</param>
/// <param name="Score">
/// Its cosine with the picture to keep. It may be below the threshold if other pictures connect the two.
/// </param>
internal readonly record struct ScoredPicture(RowInfo Image, double Score);
