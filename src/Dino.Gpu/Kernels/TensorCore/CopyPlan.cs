using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// What a thread copies of each slice of k: one 16-byte chunk of two or four rows of the input's tile, and of the weight's. Rows past an
/// edge become zeros: 0 bytes are read there, and their address is that of row 0, so that it is a valid one.
/// </summary>
internal struct CopyPlan
{
    private long _a0, _a1, _a2, _a3;
    private long _b0, _b1, _b2, _b3;
    private int _aSize0, _aSize1, _aSize2, _aSize3;
    private int _bSize0, _bSize1, _bSize2, _bSize3;
    private int _target;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CopyPlan Create<TTile>(long input, long weight, TensorGemmShape shape, int firstRow, int firstColumn, int thread, int threads)
        where TTile : struct, IGemmTile
    {
        int copyRow = TileLayout.CopyRow(thread);
        int passRows = TileLayout.CopyPassRows(threads);
        int row = firstRow + copyRow;
        int column = firstColumn + copyRow;
        long a = input + TileLayout.CopyChunk(thread) * TileLayout.ChunkBytes;
        long b = weight + TileLayout.CopyChunk(thread) * TileLayout.ChunkBytes;
        var plan = default(CopyPlan);
        plan._target = TileLayout.ByteOffset(copyRow, TileLayout.CopyChunk(thread));
        plan._a0 = a + InputRow(shape, row);
        plan._a1 = a + InputRow(shape, row + passRows);
        plan._a2 = a + InputRow(shape, row + 2 * passRows);
        plan._a3 = a + InputRow(shape, row + 3 * passRows);
        plan._b0 = b + WeightRow(shape, column);
        plan._b1 = b + WeightRow(shape, column + passRows);
        plan._b2 = b + WeightRow(shape, column + 2 * passRows);
        plan._b3 = b + WeightRow(shape, column + 3 * passRows);
        plan._aSize0 = CopySize(row, shape.Rows);
        plan._aSize1 = CopySize(row + passRows, shape.Rows);
        plan._aSize2 = CopySize(row + 2 * passRows, shape.Rows);
        plan._aSize3 = CopySize(row + 3 * passRows, shape.Rows);
        plan._bSize0 = CopySize(column, shape.Columns);
        plan._bSize1 = CopySize(column + passRows, shape.Columns);
        plan._bSize2 = CopySize(column + 2 * passRows, shape.Columns);
        plan._bSize3 = CopySize(column + 3 * passRows, shape.Columns);
        return plan;
    }

    /// <summary>Starts the copies of the slice that begins <paramref name="offset"/> bytes into the rows.</summary>
    /// <param name="slot">Where the slice's tiles begin in shared memory.</param>
    /// <param name="inputBytes">Size of the input's tile, which comes first.</param>
    /// <param name="offset">Bytes from the start of a row.</param>
    /// <param name="threads">Of the group.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void CopySlice<TTile>(int slot, int inputBytes, int offset, int threads)
        where TTile : struct, IGemmTile
    {
        int target = slot + _target;
        int pass = TileLayout.CopyPassBytes(threads);
        TileCopy.Start(target, _a0 + offset, _aSize0);
        TileCopy.Start(target + pass, _a1 + offset, _aSize1);
        if (Gemm.TileRows<TTile>() * TileLayout.RowBytes > 2 * pass)
        {
            TileCopy.Start(target + 2 * pass, _a2 + offset, _aSize2);
            TileCopy.Start(target + 3 * pass, _a3 + offset, _aSize3);
        }

        target += inputBytes;
        TileCopy.Start(target, _b0 + offset, _bSize0);
        TileCopy.Start(target + pass, _b1 + offset, _bSize1);
        if (Gemm.TileColumns<TTile>() * TileLayout.RowBytes > 2 * pass)
        {
            TileCopy.Start(target + 2 * pass, _b2 + offset, _bSize2);
            TileCopy.Start(target + 3 * pass, _b3 + offset, _bSize3);
        }
    }

    private static long InputRow(TensorGemmShape shape, int row) => row < shape.Rows ? (long)shape.Map.BufferRow(row) * shape.RowBytes : 0L;

    private static long WeightRow(TensorGemmShape shape, int column) => column < shape.Columns ? (long)column * shape.RowBytes : 0L;

    private static int CopySize(int index, int count) => index < count ? TileLayout.ChunkBytes : 0;
}
