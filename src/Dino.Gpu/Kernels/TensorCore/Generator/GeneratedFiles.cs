namespace Dino.Gpu.Kernels.TensorCore.Generator;

/// <summary>Every file of Kernels/TensorCore/Generated, and the tiles from which the files are made.</summary>
internal static class GeneratedFiles
{
    private static readonly TileDescription[] Tiles =
    [
        new(
            "Tile128X128",
            "128 x 128 by four warps of 64 x 64, three slices, all of the 48 KiB of static shared memory: for batches that fill the "
            + "device. With 64 x 64 a warp reads 4 KiB of shared memory for 65536 multiply-adds; 64 x 32 would read 3 KiB for half as "
            + "many, which the multiprocessor cannot deliver as fast.",
            RowFragments: 4, ColumnHalves: 2, WarpRows: 2, WarpColumns: 2, Stages: 3, SliceInstructions: 102, OtherInstructions: 850),
        new(
            "Tile64X64",
            "64 x 64 by four warps of 32 x 32, one for each scheduler of a multiprocessor, six slices, 48 KiB: for few rows, where more "
            + "groups matter more than reuse, and a group is often alone, so that the copies' latency has to be hidden by "
            + "slices in flight.",
            RowFragments: 2, ColumnHalves: 1, WarpRows: 2, WarpColumns: 2, Stages: 6, SliceInstructions: 37, OtherInstructions: 460),
    ];

    /// <summary>The name and the text of each file.</summary>
    public static IEnumerable<(string Name, string Text)> All()
    {
        foreach (TileDescription tile in Tiles)
        {
            yield return ($"{tile.Name}.g.cs", TileGenerator.Write(tile));
            yield return ($"{tile.Name}.Products.g.cs", TileGenerator.WriteProducts(tile));
            yield return ($"{tile.Name}.Residual.g.cs", ResidualGenerator.Write(tile));
        }

        yield return ("EpilogueText.g.cs", EpilogueGenerator.Write());
        yield return ("AttentionText.g.cs", AttentionGenerator.WriteText());
        yield return ("HeadPieces.g.cs", AttentionGenerator.WritePieces());
    }
}
