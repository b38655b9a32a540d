namespace Dino.Gpu.Cli.Formats;

/// <summary>What a file of embeddings holds in every row.</summary>
/// <param name="Shape">Shape of one row's values: (hidden), (tokens, hidden) or (grid height, grid width, hidden).</param>
/// <param name="Type">Type of the values in the file.</param>
/// <param name="Sha256">Whether a row carries the SHA-256 of its image file.</param>
/// <param name="Columns">Columns of the input list that are carried through, in its order.</param>
internal sealed record RowSchema(IReadOnlyList<int> Shape, ValueType Type, bool Sha256, IReadOnlyList<CarriedColumn> Columns)
{
    /// <summary>Values of a row.</summary>
    public int Length => Shape.Aggregate(1, (product, side) => checked(product * side));

    /// <summary>Float32 and nothing carried.</summary>
    public static RowSchema Plain(params IReadOnlyList<int> shape) => new(shape, ValueType.Float32, false, []);
}

/// <summary>Type of the values in a file, as <c>--dtype</c> says.</summary>
internal enum ValueType
{
    Float32,
    Float16,
}

/// <summary>A column of the input list that goes into the output.</summary>
internal sealed record CarriedColumn(string Name, ColumnType Type);

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
