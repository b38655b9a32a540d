using Dino.Gpu.Kernels.Portable;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Sizes of a matrix product on tensor cores: M rows by N columns, summed over K.</summary>
internal readonly struct TensorGemmShape
{
    public TensorGemmShape(int rows, int columns, int rowBytes, int outputStride, RowMap map)
    {
        Rows = rows;
        Columns = columns;
        RowBytes = rowBytes;
        OutputStride = outputStride;
        Map = map;
        _ = checked((map.ImageStride - map.RowsPerImage) * outputStride * sizeof(float)); // counted in 32 bits on the device
    }

    /// <summary>M</summary>
    public int Rows { get; }

    /// <summary>
    /// N, a multiple of 8. So four results are all inside or all outside, and 16-byte stores are aligned.
    /// </summary>
    public int Columns { get; }

    /// <summary>K in bytes, the length of a row of input and weight: a multiple of 64.</summary>
    public int RowBytes { get; }

    /// <summary>
    /// Values from one row of the output to the next, those of N columns if the product is gated; a multiple of 8.
    /// </summary>
    public int OutputStride { get; }

    /// <summary>The rows of input and output that the product uses.</summary>
    public RowMap Map { get; }
}

/// <summary>
/// output[m, n] = epilogue(bias[n] + sum over k of input[m, k] * weight[n, k]) on tensor cores. Both inputs are
/// contiguous along k. Each group computes a tile. Slices of k are copied into a ring of Stages slots; slice s is
/// multiplied while the next ones arrive. The sum of a row does not depend on which other rows are computed.
/// </summary>
internal static class Gemm
{
    /// <param name="input">Global address of (M, K). All addresses are 16-byte aligned.</param>
    /// <param name="weight">Global address of (N, K).</param>
    /// <param name="bias">Global address of (N) floats, and of (N) gains behind them if the epilogue has gains.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="output">Global address of (M, N).</param>
    public static void Kernel<TTile, TFormat, TEpilogue>(long input, long weight, long bias, TensorGemmShape shape, long output)
        where TTile : struct, IGemmTile
        where TFormat : struct, ITensorFormat
        where TEpilogue : struct, ITensorEpilogue<TFormat>
    {
        TTile.Declare();
        int threads = Threads<TTile>();
        int inputBytes = TileRows<TTile>() * TileLayout.RowBytes;
        int firstRow = (Grid.IdxZ * Grid.DimY + Grid.IdxY) * TileRows<TTile>();
        int firstColumn = Grid.IdxX * TileColumns<TTile>();
        int thread = Group.IdxX;

        // The places that this thread copies to, and where its lane reads fragments, for both halves of a slice.
        int lane = thread & (TileLayout.WarpSize - 1);
        int warp = thread / TileLayout.WarpSize;
        int warpRow = warp / TTile.WarpColumns * TTile.RowFragments * TileLayout.FragmentRows;
        int warpColumn = (warp & (TTile.WarpColumns - 1)) * TTile.ColumnHalves * TileLayout.HalfColumns;
        int copyRow = TileLayout.CopyRow(thread);
        int chunk = TileLayout.CopyChunk(thread);
        TTile.SetPlaces(
            TileLayout.ByteOffset(copyRow, chunk),
            TileLayout.InputFragment(lane, warpRow, 0),
            TileLayout.InputFragment(lane, warpRow, 1),
            inputBytes + TileLayout.WeightFragment(lane, warpColumn, 0),
            inputBytes + TileLayout.WeightFragment(lane, warpColumn, 1));
        TTile.SetSources(
            new CopyPlan(
                input, weight, shape, firstRow + copyRow,
                firstColumn + (TEpilogue.AddsToOutput ? TileLayout.QuadColumn(copyRow) : copyRow),
                TileLayout.CopyPassRows(threads), chunk));

        // sum = bias + input weight^T
        int column = firstColumn + warpColumn;
        var target = new WarpOutput(shape, output, firstRow + warpRow, column, warp, lane);
        if (TEpilogue.AddsToOutput)
        {
            int quad = column + (lane & 3) * 4;
            TTile.SetQuadSums(bias + (long)quad * sizeof(float), shape.Columns - quad);
            TTile.MultiplySlices<TFormat>(shape.RowBytes / TileLayout.RowBytes);
            if (TEpilogue.HasGains)
                TTile.SetGains(bias + (long)(shape.Columns + quad) * sizeof(float), shape.Columns - quad);
            else
                TTile.SetUnitGains();
            target.SetQuads();
            if (target.IsWhole<TTile>())
                TTile.AddWhole();
            else
                TTile.AddPart();
        }
        else
        {
            TTile.SetSums(bias + (long)(column + (lane & 3) * 2) * sizeof(float), shape.Columns - column);
            TTile.MultiplySlices<TFormat>(shape.RowBytes / TileLayout.RowBytes);

            // The slots are free for staging once every warp has read its last fragments.
            CudaAsm.Emit("cp.async.wait_group 0;");
            CudaAsm.Emit("bar.sync 0;");
            TTile.Finish<TFormat, TEpilogue>(target);
        }
    }

    /// <summary>Rows of the output that a group computes.</summary>
    public static int TileRows<TTile>()
        where TTile : struct, IGemmTile => TTile.WarpRows * TTile.RowFragments * TileLayout.FragmentRows;

    /// <summary>Columns of the output that a group computes.</summary>
    public static int TileColumns<TTile>()
        where TTile : struct, IGemmTile => TTile.WarpColumns * TTile.ColumnHalves * TileLayout.HalfColumns;

    /// <summary>Threads of a group.</summary>
    public static int Threads<TTile>()
        where TTile : struct, IGemmTile => TileLayout.WarpSize * TTile.WarpRows * TTile.WarpColumns;
}
