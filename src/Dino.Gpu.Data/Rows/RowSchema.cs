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
    /// <summary>What made the vectors; null where it is not known.</summary>
    public Provenance? Provenance { get; init; }

    /// <summary>Values of a row.</summary>
    public int Length => Shape.Aggregate(1, (product, side) => checked(product * side));

    /// <summary>The column with a row's values, where a format has one for all of them.</summary>
    public const string EmbeddingColumn = "embedding";

    /// <summary>Names that the formats themselves use.</summary>
    private static readonly string[] OwnColumns = ["row", "path", "width", "height", "sha256", "error", EmbeddingColumn, "shape"];

    /// <summary>Letters of a name; a zip archive's may have 64 KiB.</summary>
    private const int MaxName = 1 << 12;

    /// <summary>
    /// Most values of a row that is read. ViT-H/14 at 2048 pixels, every token, has 27 million; a file that claims more
    /// is broken.
    /// </summary>
    private const long MaxLength = 1 << 26;

    /// <summary>Whether a file's claim of this row shape can be believed, whatever its number of rows.</summary>
    public static bool IsReadable(IEnumerable<long> shape) =>
        shape.Aggregate(1L, (product, side) => side < 1 || side > MaxLength / product ? long.MaxValue : product * side) <= MaxLength;

    /// <summary>Float32 and nothing carried.</summary>
    public static RowSchema Plain(params IReadOnlyList<int> shape) => new(shape, FloatType.Float32, false, []);

    /// <summary>Whether a column of that name is one of ours, not a carried one.</summary>
    public static bool IsOwnColumn(string name) => OwnColumns.Contains(name, StringComparer.Ordinal);

    /// <summary>Whether the name is that of a value of a row in a table: e0, e1, ...</summary>
    public static bool IsValueColumn(string name) =>
        name.Length > 1 && name[0] == 'e' && name.AsSpan(1).IndexOfAnyExceptInRange('0', '9') < 0 && (name[1] != '0' || name.Length == 2);

    /// <summary>
    /// Whether a column is the numbering that pandas writes in front of a table, without a name; it is not carried.
    /// </summary>
    public static bool IsIndex(IReadOnlyList<string> names, int column) => column == 0 && names.Count > 1 && names[0].Length == 0;

    /// <summary>
    /// Refuses carried columns that would stand where one of ours does; needs no embedding, so it can fail before the
    /// work starts.
    /// </summary>
    /// <exception cref="DinoException">A name is taken, twice there, empty, or not printable.</exception>
    public static void Validate(IEnumerable<CarriedColumn> columns)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (string name in columns.Select(column => column.Name))
        {
            if (name.Length > MaxName)
                throw new DinoException(
                    $"a column of the input list has a name of {name.Length} letters ('{name[..60]}...'), the limit is {MaxName}: "
                        + $"rename it");
            if (name.Length == 0 || name.Any(char.IsControl))
                throw new DinoException(
                    $"a column of the input list {(name.Length == 0 ? "has no name" : "has a name with control characters")}: rename it");
            if (IsOwnColumn(name) || IsValueColumn(name))
                throw new DinoException($"the column '{name}' of the input list would collide with one that dino writes: rename it");
            if (!names.Add(name))
                throw new DinoException($"the input list has two columns '{name}': rename one");
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
/// Whether all are missing, so that another input may say the type; in a settled list no column is.
/// </param>
internal sealed record CarriedColumn(string Name, ColumnType Type, bool IsEmpty = false);

/// <summary>Type of a carried column; a value is null or the .NET type named.</summary>
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
