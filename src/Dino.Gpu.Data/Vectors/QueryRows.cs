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
    private readonly Dictionary<int, string> _names; // by row

    public QueryRows(SearchIndex index)
    {
        _names = index.Rows().ToDictionary(row => row.Number, row => Name(row.Row));
        Most = _names.Values.GroupBy(name => name, RealPath.Comparer).Max(rows => rows.Count());
    }

    /// <summary>The most rows that are one query.</summary>
    public int Most { get; }

    /// <summary>Whether a row of the index is the query of this name.</summary>
    public bool Is(string name, int row) => RealPath.Comparer.Equals(_names[row], name);

    /// <summary>What identifies a row: its picture, or its number if it has no path.</summary>
    public string Name(RowInfo row) => _identity.Of(row) ?? $"\0{row.Row}";
}
