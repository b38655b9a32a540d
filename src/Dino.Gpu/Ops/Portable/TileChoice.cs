using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Gemm = Dino.Gpu.Kernels.TensorCore.Gemm;

namespace Dino.Gpu.Ops.Portable;

/// <summary>
/// Chooses the tile of a matrix product. A large tile does more arithmetic for each value that it moves. A small tile
/// leaves fewer multiprocessors idle if the product is small or does not divide evenly. The numbers come from counting
/// instructions, not from measurements on a GPU.
/// </summary>
internal static class TileChoice
{
    /// <summary>
    /// The threads that keep a multiprocessor's four schedulers busy: six warps, one and a half per scheduler.
    /// </summary>
    private const double BusyThreads = 192;

    /// <summary>
    /// The cost of a product in multiply-adds of the busiest multiprocessor: its tiles, times the values of a tile,
    /// divided by the share of its peak rate that it can reach.
    /// </summary>
    public static double Cost(int tileRows, int tileColumns, int threads, int rows, int columns, int multiprocessors)
    {
        long tiles = (long)((rows + tileRows - 1) / tileRows) * ((columns + tileColumns - 1) / tileColumns);
        long ofOne = (tiles + multiprocessors - 1) / multiprocessors;

        // For each value of k a thread loads from shared memory 4 times for an 8x8 block, 3 times for 8x4 and twice for
        // 4x4. A load costs about as much as two multiply-adds.
        int values = tileRows * tileColumns / threads;
        int loads = values >= 64 ? 4 : values >= 32 ? 3 : 2;
        double share = values / (values + 2.0 * loads);
        double busy = Math.Min(1, ofOne * threads / BusyThreads);
        return ofOne * ((double)tileRows * tileColumns) / (share * busy);
    }

    /// <summary>
    /// The cost of a product on tensor cores. The half slice of a group costs its multiply-adds or its traffic with
    /// shared memory, whichever takes longer. The traffic is the bytes that warps read as fragments and that copies
    /// write, at 128 bytes per cycle. Eight warps, two per scheduler, hide each other's latency.
    /// </summary>
    public static double TensorCost<TTile>(int rows, int columns, int multiprocessors)
        where TTile : struct, IGemmTile
    {
        // Multiply-adds of 16 bits that mma.sync does per cycle on Hopper, by published measurements. Ampere and Ada do
        // fewer.
        const double MultiplyAdds = 1280;
        int tileRows = Gemm.TileRows<TTile>();
        int tileColumns = Gemm.TileColumns<TTile>();
        long tiles = (long)((rows + tileRows - 1) / tileRows) * ((columns + tileColumns - 1) / tileColumns);
        long ofOne = (tiles + multiprocessors - 1) / multiprocessors;
        const int HalfSliceBytes = TileLayout.RowBytes / 2;
        double products = tileRows * tileColumns * (HalfSliceBytes / 2) / MultiplyAdds;
        int read = tileRows * TTile.WarpColumns + tileColumns * TTile.WarpRows;
        double traffic = (read + tileRows + tileColumns) * HalfSliceBytes / 128.0;
        double busy = Math.Min(1, ofOne * TTile.WarpRows * TTile.WarpColumns / 8.0);
        return ofOne * Math.Max(products, traffic) / busy;
    }

    /// <summary>Chooses the product of least cost.</summary>
    public static PortableGemm Choose(IReadOnlyList<PortableGemm> gemms, int rows, int columns, int multiprocessors) =>
        gemms.MinBy(gemm => Cost(gemm.TileRows, gemm.TileColumns, gemm.Threads, rows, columns, multiprocessors))!;

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
