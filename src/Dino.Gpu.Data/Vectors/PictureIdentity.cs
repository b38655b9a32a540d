using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Tells which rows are the same picture: the file that their paths lead to, or the same member of an archive.
/// </summary>
internal sealed class PictureIdentity
{
    private readonly RealPath _real = new();

    /// <summary>
    /// A key that is equal for rows of the same picture, compared by <see cref="RealPath.Comparer"/>; null for a row
    /// without a path.
    /// </summary>
    public string? Of(RowInfo row) =>
        row.Path.Length == 0 ? null : row.Archive is null ? _real.Of(row.Path) : $"{_real.Of(row.Archive)}\0{row.Path}";

    /// <summary>For each row, whether an earlier one is the same picture.</summary>
    public static bool[] Repeats(IReadOnlyList<RowInfo> rows)
    {
        var identity = new PictureIdentity();
        var seen = new HashSet<string>(RealPath.Comparer);
        return [.. rows.Select(row => identity.Of(row) is { } one && !seen.Add(one))];
    }
}
