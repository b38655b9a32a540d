using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Tells which rows of the index are the query itself: those of the same picture or, if there are no paths, of the same
/// number.
/// </summary>
internal sealed class QueryRows
{
    private readonly PictureIdentity _identity = new();
    private readonly Dictionary<int, (string Name, string? Digest)> _rows; // by number

    public QueryRows(SearchIndex index)
    {
        _rows = index.Rows().ToDictionary(row => row.Number, row => (Name(row.Row), PictureIdentity.MemberDigest(row.Row)));
        Most = _rows.Values.GroupBy(row => row.Name, RealPath.Comparer).Max(rows => rows.Count());
    }

    /// <summary>The most rows that are one query.</summary>
    public int Most { get; }

    /// <summary>Whether a row of the index is the query.</summary>
    /// <param name="name">The query's <see cref="Name"/>.</param>
    /// <param name="query">The query.</param>
    /// <param name="row">Number of the row.</param>
    public bool Is(string name, RowInfo query, int row) =>
        RealPath.Comparer.Equals(_rows[row].Name, name) && !PictureIdentity.AreTwo(PictureIdentity.MemberDigest(query), _rows[row].Digest);

    /// <summary>What identifies a row: its picture, or its number if it has no path.</summary>
    public string Name(RowInfo row) => _identity.Of(row) ?? $"\0{row.Row}";
}
