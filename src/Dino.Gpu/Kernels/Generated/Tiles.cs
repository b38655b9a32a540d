namespace Dino.Gpu.Kernels.Generated;

/// <summary>Entry points of a <see cref="TileSet"/>, for a kernel.</summary>
internal unsafe struct Tiles
{
    /// <summary>The address of the tile with some rows at 2 * rows, of the one that adds to C behind it.</summary>
    public nint* Entries;

    /// <summary>AMX: sets the tiles' shapes, and gives them back; null for other tiles.</summary>
    public nint Begin;

    public nint End;

    /// <summary>AMX: what Begin reads.</summary>
    public byte* Shapes;

    /// <summary>Rows of the largest tile.</summary>
    public int MaxRows;

    /// <summary>Groups of k that a tile takes at once: k is padded with zeros to a multiple of them.</summary>
    public int StepUnit;

    public readonly bool IsAmx => Begin != 0;

    /// <summary>
    /// The row where a tile begins. Vectors take tiles of like size, 197 rows as tiles of 13 and 14; AMX has tiles of a
    /// fixed size, and a short one at the end.
    /// </summary>
    public readonly int Start(int rows, int tile) =>
        IsAmx ? Math.Min(rows, tile * MaxRows) : (int)((long)rows * tile / Count(rows));

    /// <summary>Tiles of some rows.</summary>
    public readonly int Count(int rows) => (rows + MaxRows - 1) / MaxRows;

    /// <summary>Groups of k with the padding.</summary>
    public static int PaddedSteps(int length, TileKind kind, int stepUnit)
    {
        int unit = TileGenerator.StepLength(kind) * stepUnit;
        return (length + unit - 1) / unit * stepUnit;
    }
}
