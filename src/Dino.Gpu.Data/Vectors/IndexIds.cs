namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Finds the rows of an id. It keeps only the hash of each id, so a row that it finds is looked at once more.
/// </summary>
internal sealed class IndexIds
{
    private const int None = -1;

    private readonly Dictionary<int, int> _last = []; // by hash
    private readonly List<int> _previous = []; // by row: the row before it with the same hash

    /// <summary>Adds the next rows.</summary>
    /// <param name="row">The number of the row; those before that were left out are removed ones.</param>
    /// <param name="id">Its id.</param>
    public void Add(int row, string id)
    {
        while (_previous.Count < row)
            _previous.Add(None);
        int hash = id.GetHashCode(StringComparison.Ordinal);
        _previous.Add(_last.TryGetValue(hash, out int last) ? last : None);
        _last[hash] = row;
    }

    /// <summary>Rows that may have an id, the last first.</summary>
    public IEnumerable<int> Find(string id)
    {
        for (int row = _last.GetValueOrDefault(id.GetHashCode(StringComparison.Ordinal), None); row != None; row = _previous[row])
            yield return row;
    }
}
