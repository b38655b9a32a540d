using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Kernels.Warpgroup;
using Gemm = Dino.Gpu.Kernels.TensorCore.Gemm;

namespace Dino.Gpu.Ops.Portable;

/// <summary>
/// Chooses the tile of a matrix product. A large tile does more arithmetic for each value that it moves. A small tile
/// leaves fewer multiprocessors idle if the product is small or does not divide evenly. The numbers come from NVIDIA's
/// assembler and from data sheets, not from measurements on a GPU.
/// </summary>
internal static class TileChoice
{
    /// <summary>
    /// The threads that keep a multiprocessor's four schedulers busy: six warps, one and a half per scheduler.
    /// </summary>
    private const double BusyThreads = 192;

    /// <summary>A multiprocessor's schedulers: each starts one instruction of a warp per cycle.</summary>
    private const double Schedulers = 4;

    /// <summary>
    /// The cost of a product in cycles of the busiest multiprocessor for one value of k: the instructions of its tiles'
    /// warps on its schedulers, over the share of their time that so many warps can fill.
    /// </summary>
    public static double Cost(PortableGemm gemm, int rows, int columns, int multiprocessors)
    {
        long ofOne = (gemm.Groups(rows, columns) + multiprocessors - 1) / multiprocessors;
        double busy = Math.Min(1, ofOne * gemm.Threads / BusyThreads);
        return ofOne * gemm.InstructionsOfOne * gemm.Threads / TileLayout.WarpSize / Schedulers / busy;
    }

    /// <summary>
    /// The cost of a product on tensor cores in cycles of the busiest multiprocessor. A group's half slice takes as
    /// long as its multiply-adds, its traffic with shared memory or its instructions, whichever is longest. Traffic is
    /// what the warps read as fragments and what the copies write, at 128 bytes per cycle. What a group does before and
    /// after its slices comes on top. Eight warps, two per scheduler, hide each other's latency.
    /// </summary>
    public static double TensorCost<TTile>(int rows, int columns, int rowBytes, int multiprocessors)
        where TTile : struct, IGemmTile
    {
        // Multiply-adds of 16 bits that mma.sync does per cycle on Hopper, by published measurements. Ampere and Ada do
        // fewer.
        const double MultiplyAdds = 1280;
        const int HalfSliceBytes = TileLayout.RowBytes / 2;
        int tileRows = Gemm.TileRows<TTile>();
        int tileColumns = Gemm.TileColumns<TTile>();
        long tiles = (long)((rows + tileRows - 1) / tileRows) * ((columns + tileColumns - 1) / tileColumns);
        long ofOne = (tiles + multiprocessors - 1) / multiprocessors;
        double warps = TTile.WarpRows * TTile.WarpColumns;
        double products = tileRows * tileColumns * (HalfSliceBytes / 2) / MultiplyAdds;
        int read = tileRows * TTile.WarpColumns + tileColumns * TTile.WarpRows;
        double traffic = (read + tileRows + tileColumns) * HalfSliceBytes / 128.0;
        double instructions = TTile.SliceInstructions / 2.0 * warps / Schedulers;
        double halfSlices = (double)rowBytes / HalfSliceBytes;
        double cycles = halfSlices * Math.Max(Math.Max(products, traffic), instructions) + TTile.OtherInstructions * warps / Schedulers;
        double busy = Math.Min(1, ofOne * warps / 8.0);
        return ofOne * cycles / busy;
    }

    /// <summary>
    /// The same for a product with wgmma, for whole slices. Traffic with shared memory is what each warpgroup reads of its
    /// rows and of all columns, and what the copies write.
    /// </summary>
    public static double Cost(WarpgroupTile tile, int rows, int columns, int rowBytes, int multiprocessors)
    {
        // Of 16 bits, a cycle of a Hopper's multiprocessor, by its data sheet.
        const double MultiplyAdds = 2048;
        const int SliceBytes = WarpgroupLayout.RowBytes;
        long tiles = (long)((rows + tile.Rows - 1) / tile.Rows) * ((columns + tile.Columns - 1) / tile.Columns);
        long ofOne = (tiles + multiprocessors - 1) / multiprocessors;
        double warps = tile.Threads / TileLayout.WarpSize;
        double products = tile.Rows * tile.Columns * (SliceBytes / 2) / MultiplyAdds;
        double traffic = (tile.Warpgroups * (WarpgroupLayout.Rows + tile.Columns) + tile.Rows + tile.Columns) * SliceBytes / 128.0;
        double instructions = tile.SliceInstructions * warps / Schedulers;
        int slices = (rowBytes + SliceBytes - 1) / SliceBytes;
        double cycles = slices * Math.Max(Math.Max(products, traffic), instructions) + tile.OtherInstructions * warps / Schedulers;
        double busy = Math.Min(1, ofOne * warps / 8.0);
        return ofOne * cycles / busy;
    }

    /// <summary>Chooses the tile of least cost.</summary>
    public static WarpgroupTile Choose(int rows, int columns, int rowBytes, int multiprocessors) =>
        WarpgroupTile.All.MinBy(tile => Cost(tile, rows, columns, rowBytes, multiprocessors))!;

    /// <summary>Chooses the product of least cost.</summary>
    public static PortableGemm Choose(IReadOnlyList<PortableGemm> gemms, int rows, int columns, int multiprocessors) =>
        gemms.MinBy(gemm => Cost(gemm, rows, columns, multiprocessors))!;

    /// <summary>
    /// Chooses the first shape, which has the most rows, unless it wastes more rows than the last or leaves
    /// multiprocessors idle.
    /// </summary>
    public static PortableAttention Choose(
        IReadOnlyList<PortableAttention> attentions, AttentionShape shape, int images, int multiprocessors)
    {
        PortableAttention tall = attentions[0];
        PortableAttention flat = attentions[^1];
        bool wastes = Padded(shape.QueryCount, tall.TileRows) > Padded(shape.QueryCount, flat.TileRows);
        return wastes || tall.Groups(shape, images) < 2L * multiprocessors ? flat : tall;
    }

    private static int Padded(int count, int size) => (count + size - 1) / size * size;
}
