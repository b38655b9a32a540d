using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Inputs;

/// <summary>A Parquet file with a column of paths; <see cref="ParquetTable.Carried"/> says what its other columns
/// become.</summary>
internal sealed class ParquetManifest : Manifest
{
    private readonly string _pathName;

    /// <inheritdoc cref="Manifest.Open"/>
    public ParquetManifest(string file, string? pathColumn)
        : base(file)
    {
        using ParquetTable table = Open();
        string[] names = [.. table.Leaves.Where((leaf, i) => i == 0 || leaf.Path.Length == 1
            || table.Leaves[i - 1].Name != leaf.Name).Select(leaf => leaf.Name)];
        (int path, int[] carried) = Choose(names, pathColumn);
        if (Leaf(table, names[path])?.Type != ColumnType.Text)
            throw Failed($"column '{names[path]}' holds no text, expected paths");
        _pathName = names[path];
        Columns = [.. carried.Select(column => Carried(table, names[column]))];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<CarriedColumn> Columns { get; }

    /// <inheritdoc/>
    public override IEnumerable<InputItem> Rows()
    {
        using ParquetTable table = Open();
        long row = 0;
        for (int index = 0; index < table.GroupCount; index++)
        {
            using ParquetGroup group = Reading(() => table.OpenGroup(index));
            ParquetCells[] cells = Reading(
                () =>
                    Columns.Prepend(new CarriedColumn(_pathName, ColumnType.Text)).Select(column => Cells(table, group, column)).ToArray());
            for (long i = 0; i < group.Rows; i++, row++)
            {
                object?[] values = Reading(() => Array.ConvertAll(cells, one => one.Next()));
                if (values[0] is not string { Length: > 0 } path)
                    throw Failed($"row {row}: no path in column '{_pathName}'");
                yield return new InputItem(path, values[1..]);
            }
        }
    }

    private static ParquetLeaf? Leaf(ParquetTable table, string name) =>
        table.Leaves.FirstOrDefault(leaf => leaf.Name == name && leaf.IsFlat);

    private CarriedColumn Carried(ParquetTable table, string name) =>
        Reading(() => Leaf(table, name) is { } leaf ? table.Carried(leaf) : null)
        ?? throw Failed($"column '{name}' is a list, a structure or of another type that cannot be carried: leave it out");

    private ParquetCells Cells(ParquetTable table, ParquetGroup group, CarriedColumn column) =>
        group.Cells(
            Leaf(table, column.Name) ?? throw new InvalidDataException($"there is no column '{column.Name}' any more"), column.Type);

    private ParquetTable Open() => Reading(() => new ParquetTable(new FileStream(OpenFile(), FileAccess.Read)));

    private T Reading<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (failure is not (DinoException or OutOfMemoryException))
        {
            throw Failed(
                failure is IOException or InvalidDataException
                    ? failure.Message.ReplaceLineEndings(" ")
                    : "no Parquet file, or a damaged one",
                failure);
        }
    }
}
