using System.Globalization;

namespace Dino.Gpu.Data.Rows;

/// <summary>How the four types of carried columns combine.</summary>
internal static class ColumnTypes
{
    /// <summary>2^53: beyond it a number does not hold every integer.</summary>
    private const long MostExact = 1L << 53;

    /// <summary>
    /// The type that holds values of both. Integers and numbers become numbers, if no integer loses a digit
    /// (<see cref="IsExact"/>). Anything else becomes text.
    /// </summary>
    public static ColumnType Merge(ColumnType one, ColumnType other) =>
        one == other ? one
        : one is ColumnType.Integer or ColumnType.Number && other is ColumnType.Integer or ColumnType.Number ? ColumnType.Number
        : ColumnType.Text;

    /// <summary>Whether a number holds an integer without losing a digit.</summary>
    public static bool IsExact(long integer) => integer is >= -MostExact and <= MostExact;

    /// <summary>All columns of several sources, in the order in which they first appear.</summary>
    public static CarriedColumn[] Union(IEnumerable<IReadOnlyList<CarriedColumn>> sources)
    {
        var columns = new List<CarriedColumn>();
        foreach (CarriedColumn column in sources.SelectMany(source => source))
        {
            int known = columns.FindIndex(one => one.Name == column.Name);
            if (known < 0)
                columns.Add(column);
            else if (columns[known].IsEmpty)
                columns[known] = column;
            else if (!column.IsEmpty)
                columns[known] = column with { Type = Merge(columns[known].Type, column.Type) };
        }

        return [.. columns.Select(column => column with { IsEmpty = false })];
    }

    /// <summary>Converts a value of one input to a column of <see cref="Union"/>.</summary>
    /// <exception cref="DinoException">An integer would lose digits.</exception>
    public static object? Convert(object? value, CarriedColumn column) =>
        value is long integer && column.Type == ColumnType.Number && !IsExact(integer)
        ? throw new DinoException(
            $"column '{column.Name}' has the integer {integer} in one input and numbers in another: as a number it would lose digits",
            "make the column text in one of them")
        : Convert(value, column.Type);

    /// <summary>Converts a value to a type that its own was merged into.</summary>
    public static object? Convert(object? value, ColumnType type) => value switch
    {
        long integer when type == ColumnType.Number => (double)integer,
        bool boolean when type == ColumnType.Text => boolean ? "true" : "false",
        IFormattable number when type == ColumnType.Text => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value,
    };
}
