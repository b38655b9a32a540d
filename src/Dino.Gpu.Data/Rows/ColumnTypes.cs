using System.Globalization;

namespace Dino.Gpu.Data.Rows;

/// <summary>The four types of carried columns, and what becomes of several in one column.</summary>
internal static class ColumnTypes
{
    /// <summary>From here on not every integer is a number of its own: 2^53.</summary>
    private const long MostExact = 1L << 53;

    /// <summary>
    /// The type that holds values of both: integers and numbers are numbers, where none of the integers loses a digit
    /// (<see cref="IsExact"/>), anything else is text.
    /// </summary>
    public static ColumnType Merge(ColumnType one, ColumnType other) =>
        one == other ? one
        : one is ColumnType.Integer or ColumnType.Number && other is ColumnType.Integer or ColumnType.Number ? ColumnType.Number
        : ColumnType.Text;

    /// <summary>Whether an integer is the same as a number.</summary>
    public static bool IsExact(long integer) => integer is >= -MostExact and <= MostExact;

    /// <summary>Every column of any source, in the order in which they first come.</summary>
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

    /// <summary>A value of one input as one of a column of <see cref="Union"/>.</summary>
    /// <exception cref="DinoException">An integer would lose digits.</exception>
    public static object? Convert(object? value, CarriedColumn column) =>
        value is long integer && column.Type == ColumnType.Number && !IsExact(integer)
        ? throw new DinoException(
            $"column '{column.Name}' holds the integer {integer} in one input and numbers in another, and would lose digits as a "
                + $"number: make it text in one of them")
        : Convert(value, column.Type);

    /// <summary>A value as one of a type that its own was merged into.</summary>
    public static object? Convert(object? value, ColumnType type) => value switch
    {
        long integer when type == ColumnType.Number => (double)integer,
        bool boolean when type == ColumnType.Text => boolean ? "true" : "false",
        IFormattable number when type == ColumnType.Text => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value,
    };
}
