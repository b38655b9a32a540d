using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Tells which rows are the same picture: the file that their paths lead to, or the same member of an archive.
/// <see cref="Of"/> is equal for all members of one name; where an archive has several, their digests tell them apart.
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

    /// <summary>The digest of a member of an archive; null where it is not known, and for a file.</summary>
    public static string? MemberDigest(RowInfo row) => row.Archive is null ? null : row.Sha256;

    /// <summary>Whether rows of one key are two members of an archive, which may have several of one name.</summary>
    /// <param name="digest">The <see cref="MemberDigest"/> of one.</param>
    /// <param name="other">That of the other.</param>
    public static bool AreTwo(string? digest, string? other) => digest is not null && other is not null && digest != other;

    /// <summary>
    /// For each row, whether an earlier one is the same picture. Without digests, members of an archive are told apart
    /// by their vectors.
    /// </summary>
    public static bool[] Repeats(EmbeddingTable table)
    {
        var identity = new PictureIdentity();
        var seen = new Dictionary<string, List<int>>(RealPath.Comparer); // rows that are no repeats, by their keys
        bool[] repeats = new bool[table.Count];
        for (int row = 0; row < repeats.Length; row++)
        {
            if (identity.Of(table.Rows[row]) is not { } key)
                continue;
            if (!seen.TryGetValue(key, out List<int>? others))
                seen[key] = others = [];
            int current = row;
            repeats[row] = others.Exists(other => IsRepeat(table, other, current));
            if (!repeats[row])
                others.Add(row);
        }

        return repeats;
    }

    private static bool IsRepeat(EmbeddingTable table, int one, int other)
    {
        (RowInfo first, RowInfo second) = (table.Rows[one], table.Rows[other]);
        if (first.Archive is null || (first.Sha256 is not null && second.Sha256 is not null))
            return !AreTwo(MemberDigest(first), MemberDigest(second));
        ReadOnlySpan<float> values = table.Values.Span;
        int length = table.Dimension;
        return values.Slice(one * length, length).SequenceEqual(values.Slice(other * length, length));
    }
}
