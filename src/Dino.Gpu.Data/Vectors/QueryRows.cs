using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Which rows of the index are the query itself: those of the same picture, or, where there are no paths, of the same
/// number.
/// </summary>
internal sealed class QueryRows
{
    private readonly PictureIdentity _identity = new();
    private readonly string[] _names; // a row

    public QueryRows(EmbeddingTable index)
    {
        _names = [.. index.Rows.Select(Name)];
        Most = _names.GroupBy(name => name, RealPath.Comparer).Max(rows => rows.Count());
    }

    /// <summary>Most rows that one query can be.</summary>
    public int Most { get; }

    public bool Is(string name, int row) => RealPath.Comparer.Equals(_names[row], name);

    public string Name(RowInfo row) => _identity.Of(row) ?? $"\0{row.Row}";
}
