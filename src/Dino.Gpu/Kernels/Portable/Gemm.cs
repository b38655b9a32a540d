using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Sizes of a matrix product: M rows by N columns, summed over K.</summary>
internal readonly struct GemmShape
{
    public GemmShape(int rows, int columns, int depth, int inputStride, int outputStride, RowMap map)
    {
        Rows = rows;
        Columns = columns;
        Depth = depth;
        InputStride = inputStride;
        OutputStride = outputStride;
        Map = map;
    }

    /// <summary>M</summary>
    public int Rows { get; }

    /// <summary>N</summary>
    public int Columns { get; }

    /// <summary>K</summary>
    public int Depth { get; }

    /// <summary>From one row of the input to the next.</summary>
    public int InputStride { get; }

    /// <summary>From one row of the output to the next; more than N when the output is a part of a wider buffer.</summary>
    public int OutputStride { get; }

    /// <summary>The rows of both buffers that are meant.</summary>
    public RowMap Map { get; }
}

/// <summary>
/// output[m, n] = epilogue(sum over k of input[m, k] * weight[n, k] + bias[n]). Both inputs are contiguous along k, as torch's Linear
/// stores them. Each group computes a tile of 4 * Side rows and columns, each thread a 4x4 block of it with a distance of Side between
/// its rows and columns, so that neighbouring threads touch neighbouring addresses. A row's sum runs over k from 0 up whatever the tile, so
/// a value does not depend on which other rows are computed.
/// </summary>
internal static class Gemm
{
    public static void Kernel<TTile, TEpilogue>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, GemmShape shape, ArrayView<float> output)
        where TTile : struct, ITileShape
        where TEpilogue : struct, IEpilogue
    {
        ArrayView<float> As = SharedMemory.Allocate<float>(TTile.Depth * (RegisterTile.Size * TTile.Side + 1));
        ArrayView<float> Bs = SharedMemory.Allocate<float>(TTile.Depth * (RegisterTile.Size * TTile.Side + 1));
        ArrayView<int> bufferRows = SharedMemory.Allocate<int>(RegisterTile.Size * TTile.Side);
        int tileSize = RegisterTile.Size * TTile.Side;
        int firstRow = Grid.IdxY * tileSize;
        int firstColumn = Grid.IdxX * tileSize;

        // The buffer row of each tile row, -1 past the end: worked out once, read at every load.
        for (int i = Group.IdxY * TTile.Side + Group.IdxX; i < tileSize; i += TTile.Side * TTile.Side)
            bufferRows[i] = firstRow + i < shape.Rows ? shape.Map.BufferRow(firstRow + i) : -1;
        Group.Barrier();

        RegisterTile sums = Product<TTile>(
            input, shape.InputStride, bufferRows, weight, shape.Depth, firstColumn, shape.Columns, shape.Depth, As, Bs);

        // Store, row by row.
        int column = firstColumn + Group.IdxX;
        int y = Group.IdxY;
        StoreRow<TTile, TEpilogue>(bias, shape, bufferRows[y], column, sums.C00, sums.C01, sums.C02, sums.C03, output);
        StoreRow<TTile, TEpilogue>(bias, shape, bufferRows[y + TTile.Side], column, sums.C10, sums.C11, sums.C12, sums.C13, output);
        StoreRow<TTile, TEpilogue>(bias, shape, bufferRows[y + 2 * TTile.Side], column, sums.C20, sums.C21, sums.C22, sums.C23, output);
        StoreRow<TTile, TEpilogue>(bias, shape, bufferRows[y + 3 * TTile.Side], column, sums.C30, sums.C31, sums.C32, sums.C33, output);
    }

    /// <summary>
    /// One tile of a @ b^T, called by the whole group. Row i of the tile is row aRows[i] of a, or zeros where that is negative; its
    /// column j is row firstColumn + j of b. As and Bs are shared memory for Depth * (tile size + 1) values each.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RegisterTile Product<TTile>(
        ArrayView<float> a, int aStride, ArrayView<int> aRows,
        ArrayView<float> b, int bStride, int firstColumn, int columns,
        int depth, ArrayView<float> As, ArrayView<float> Bs)
        where TTile : struct, ITileShape
    {
        // As[k, m] and Bs[k, n] are transposed on the way in; the odd stride keeps the writes of one warp on different banks.
        int tileSize = RegisterTile.Size * TTile.Side;
        int stride = tileSize + 1;
        int x = Group.IdxX;
        int y = Group.IdxY;
        var sums = default(RegisterTile);
        for (int k0 = 0; k0 < depth; k0 += TTile.Depth)
        {
            // Load: consecutive threads read consecutive k. Past an edge comes a zero, which adds nothing.
            for (int i = y * TTile.Side + x; i < tileSize * TTile.Depth; i += TTile.Side * TTile.Side)
            {
                int k = i % TTile.Depth;
                int line = i / TTile.Depth;
                bool inside = k0 + k < depth;
                int row = aRows[line];
                int column = firstColumn + line;
                As[k * stride + line] = inside && row >= 0 ? a[(long)row * aStride + k0 + k] : 0f;
                Bs[k * stride + line] = inside && column < columns ? b[(long)column * bStride + k0 + k] : 0f;
            }

            Group.Barrier();

            // Multiply: C += As^T Bs over this slice of k.
            for (int k = 0; k < TTile.Depth; k++)
            {
                int m = k * stride + y;
                int n = k * stride + x;
                sums.MultiplyAdd(
                    As[m], As[m + TTile.Side], As[m + 2 * TTile.Side], As[m + 3 * TTile.Side],
                    Bs[n], Bs[n + TTile.Side], Bs[n + 2 * TTile.Side], Bs[n + 3 * TTile.Side]);
            }

            Group.Barrier();
        }

        return sums;
    }

    private static void StoreRow<TTile, TEpilogue>(
        ArrayView<float> bias, GemmShape shape, int bufferRow, int column, float c0, float c1, float c2, float c3, ArrayView<float> output)
        where TTile : struct, ITileShape
        where TEpilogue : struct, IEpilogue
    {
        if (bufferRow < 0)
            return;
        Store<TEpilogue>(bias, shape, bufferRow, column, c0, output);
        Store<TEpilogue>(bias, shape, bufferRow, column + TTile.Side, c1, output);
        Store<TEpilogue>(bias, shape, bufferRow, column + 2 * TTile.Side, c2, output);
        Store<TEpilogue>(bias, shape, bufferRow, column + 3 * TTile.Side, c3, output);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TEpilogue>(ArrayView<float> bias, GemmShape shape, int bufferRow, int column, float sum, ArrayView<float> output)
        where TEpilogue : struct, IEpilogue
    {
        if (column >= shape.Columns)
            return;
        long index = (long)bufferRow * shape.OutputStride + column;
        float previous = TEpilogue.ReadsOutput ? output[index] : 0f;
        output[index] = TEpilogue.Apply(sum + bias[column], previous);
    }
}
