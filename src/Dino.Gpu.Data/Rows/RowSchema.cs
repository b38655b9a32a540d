namespace Dino.Gpu.Data.Rows;

/// <summary>What a file of embeddings holds in every row.</summary>
/// <param name="Shape">
/// Shape of one row's values: (hidden), (tokens, hidden) or (grid height, grid width, hidden).
/// </param>
/// <param name="Type">Type of the values in the file.</param>
/// <param name="Sha256">Whether a row carries the SHA-256 of its image file.</param>
/// <param name="Columns">Columns of the input list that are carried through, in its order.</param>
internal sealed record RowSchema(IReadOnlyList<int> Shape, FloatType Type, bool Sha256, IReadOnlyList<CarriedColumn> Columns)
{
    /// <summary>What made the vectors; null if it is not known.</summary>
    public Provenance? Provenance { get; init; }

    /// <summary>Values of a row.</summary>
    public int Length => Shape.Aggregate(1, (product, side) => checked(product * side));

    /// <summary>The column with a row's values, if a format has one for all of them.</summary>
    public const string EmbeddingColumn = "embedding";

    /// <summary>Names that the formats themselves use.</summary>
    private static readonly string[] OwnColumns = ["row", "path", "width", "height", "sha256", "error", EmbeddingColumn, "shape"];

    /// <summary>Most characters of a name. Names in a zip archive may have 64 KiB.</summary>
    private const int MaxName = 1 << 12;

    /// <summary>
    /// Most values of a row that is read. All tokens of ViT-H/14 at 2048 pixels are 27 million; a file that claims more
    /// than this is broken.
    /// </summary>
    private const long MaxLength = 1 << 26;

    /// <summary>Whether a row shape that a file claims can be true.</summary>
    public static bool IsReadable(IEnumerable<long> shape) =>
        shape.Aggregate(1L, (product, side) => side < 1 || side > MaxLength / product ? long.MaxValue : product * side) <= MaxLength;

    /// <summary>Float32 and nothing carried.</summary>
    public static RowSchema Plain(params IReadOnlyList<int> shape) => new(shape, FloatType.Float32, false, []);

    /// <summary>Whether the formats use a column of that name themselves.</summary>
    public static bool IsOwnColumn(string name) => OwnColumns.Contains(name, StringComparer.Ordinal);

    /// <summary>Whether a name is that of a column of values: e0, e1, ...</summary>
    public static bool IsValueColumn(string name) =>
        name.Length > 1 && name[0] == 'e' && name.AsSpan(1).IndexOfAnyExceptInRange('0', '9') < 0 && (name[1] != '0' || name.Length == 2);

    /// <summary>
    /// Says that a column follows a gap in e0, e1, ...; null if none does. A vector without the values of the gap would
    /// look like one.
    /// </summary>
    /// <param name="count">How many there are without a gap.</param>
    /// <param name="others">The names of the other columns.</param>
    public static string? Gap(int count, IEnumerable<string> others) => count > 0 && others.FirstOrDefault(IsValueColumn) is { } behind
        ? $"the columns of values end at e{count - 1}, and there is a column {behind}"
        : null;

    /// <summary>
    /// Columns of the index that pandas writes first, without names: one column, or one for each level. They are not
    /// carried.
    /// </summary>
    /// <returns>How many there are; 0 where no column has a name.</returns>
    public static int IndexColumns(IReadOnlyList<string> names)
    {
        int nameless = names.TakeWhile(name => name.Length == 0).Count();
        return nameless == names.Count ? 0 : nameless;
    }

    /// <summary>
    /// Refuses carried columns with names that the formats cannot hold, or use themselves. It needs no embedding, so it
    /// can fail before the work starts.
    /// </summary>
    /// <exception cref="DinoException">A name is taken, appears twice, is empty, or cannot be printed.</exception>
    public static void Validate(IEnumerable<CarriedColumn> columns)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (string name in columns.Select(column => column.Name))
        {
            string? problem = name.Length > MaxName ? $"a name of {name.Length} characters ('{name[..60]}...'), the limit is {MaxName}"
                : name.Length == 0 ? "no name"
                : name.Any(char.IsControl) ? "a name with control characters"
                : IsOwnColumn(name) || IsValueColumn(name) ? $"the name '{name}', which dino uses itself"
                : !names.Add(name) ? $"the name '{name}', and another one has it too"
                : null;
            if (problem is not null)
                throw new DinoException($"a column of the input list has {problem}", "rename the column");
        }
    }
}

/// <summary>Type of the values in a file, as <c>--dtype</c> says.</summary>
public enum FloatType
{
    /// <summary>32 bits.</summary>
    Float32,

    /// <summary>16 bits, IEEE half precision.</summary>
    Float16,
}

/// <summary>A column of the input list that goes into the output.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Type of all values that are not missing.</param>
/// <param name="IsEmpty">
/// Whether all values are missing, so that another input decides the type. It is never true in a settled list.
/// </param>
internal sealed record CarriedColumn(string Name, ColumnType Type, bool IsEmpty = false);

/// <summary>The type of a carried column. A value is null, or of the .NET type named.</summary>
internal enum ColumnType
{
    /// <summary><see cref="string"/></summary>
    Text,

    /// <summary><see cref="long"/></summary>
    Integer,

    /// <summary><see cref="double"/></summary>
    Number,

    /// <summary><see cref="bool"/></summary>
    Boolean,
}
