namespace Dino.Gpu.Data.Rows;

/// <summary>
/// Finds the columns of a source without a header, and the types that hold all their values: integers, numbers, truth
/// values, or text. A column of numbers is text if it also has integers beyond 2^53, which numbers cannot hold.
/// </summary>
internal sealed class ColumnScan
{
    /// <summary>The most columns. A file with more has data in place of names.</summary>
    public const int MaxColumns = 10_000;

    private readonly List<Found> _columns = [];
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);

    /// <summary>Names of the columns, in the order in which they first appear.</summary>
    public IEnumerable<string> Names => _columns.Select(column => column.Name);

    /// <summary>Number of columns.</summary>
    public int Count => _columns.Count;

    /// <summary>Notes a value.</summary>
    /// <param name="name">Its column.</param>
    /// <param name="type">Its type; null if it is missing.</param>
    /// <param name="isExact">Whether a number holds it without losing a digit.</param>
    /// <exception cref="FormatException">There are more than <see cref="MaxColumns"/> columns.</exception>
    public void Add(string name, ColumnType? type, bool isExact)
    {
        if (!_places.TryGetValue(name, out int place))
        {
            if (_columns.Count == MaxColumns)
                throw new FormatException($"more than {MaxColumns} different keys, expected the same in every line");
            _places.Add(name, place = _columns.Count);
            _columns.Add(new Found(name, null, false));
        }

        Found column = _columns[place];
        ColumnType? merged = column.Type is { } one && type is { } other ? ColumnTypes.Merge(one, other) : column.Type ?? type;
        if (merged != column.Type || !isExact)
            _columns[place] = column with { Type = merged, HasLarge = column.HasLarge || !isExact };
    }

    /// <summary>
    /// The column of a name that was noted. A column without values is text, and may have another type in another
    /// source.
    /// </summary>
    public CarriedColumn Column(string name)
    {
        Found column = _columns[_places[name]];
        ColumnType type = column.HasLarge && column.Type == ColumnType.Number ? ColumnType.Text : column.Type ?? ColumnType.Text;
        return new CarriedColumn(name, type, IsEmpty: column.Type is null);
    }

    private readonly record struct Found(string Name, ColumnType? Type, bool HasLarge);
}
