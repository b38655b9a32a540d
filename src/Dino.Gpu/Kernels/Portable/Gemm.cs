using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Sizes of a matrix product: M rows by N columns, summed over K.</summary>
internal readonly struct GemmShape
{
    /// <summary>
    /// Sets the sizes. If K, N and the strides are all multiples of 4, the views must also start at multiples of 4
    /// values in device memory.
    /// </summary>
    public GemmShape(int rows, int columns, int depth, int inputStride, int outputStride, RowMap map)
    {
        Rows = rows;
        Columns = columns;
        Depth = depth;
        InputStride = inputStride;
        OutputStride = outputStride;
        Map = map;
        AlignedInput = (depth | inputStride) % 4 == 0 ? 1 : 0;
        AlignedOutput = (columns | outputStride) % 4 == 0 ? 1 : 0;
    }

    /// <summary>M</summary>
    public int Rows { get; }

    /// <summary>N</summary>
    public int Columns { get; }

    /// <summary>K</summary>
    public int Depth { get; }

    /// <summary>Values from one row of the input to the next.</summary>
    public int InputStride { get; }

    /// <summary>
    /// Values from one row of the output to the next. It is more than N if the output is a part of a wider buffer, and
    /// half of N if the product is gated.
    /// </summary>
    public int OutputStride { get; }

    /// <summary>The rows of both buffers that the product uses.</summary>
    public RowMap Map { get; }

    /// <summary>1 if the lines of both inputs can be read 16 bytes at a time, else 0.</summary>
    public int AlignedInput { get; }

    /// <summary>1 if the rows of the output can be written 16 bytes at a time, else 0.</summary>
    public int AlignedOutput { get; }
}

/// <summary>
/// output[m, n] = epilogue(sum over k of input[m, k] * weight[n, k] + bias[n]). Both inputs are contiguous along k, as
/// torch's Linear stores them. Each group computes one tile of the output, as <see cref="TileProduct"/> describes.
/// </summary>
internal static class Gemm
{
    /// <summary>
    /// Grid: (column tiles, row tiles). Neighboring groups share rows of the input, and all of the weight stays in the
    /// L2 cache. Row tiles that y has no room for continue along z.
    /// </summary>
    public static void Kernel<TTile, TEpilogue>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, GemmShape shape, ArrayView<float> output)
        where TTile : struct, ITileShape
        where TEpilogue : struct, IEpilogue
    {
        ArrayView<Quad> As = SharedMemory.Allocate<Quad>(TileProduct.AsLength<TTile>());
        ArrayView<Quad> Bs = SharedMemory.Allocate<Quad>(TileProduct.BsLength<TTile>());
        int firstRow = (Grid.IdxZ * Grid.DimY + Grid.IdxY) * (4 * TTile.RowQuads * TTile.Side);
        int firstColumn = Grid.IdxX * (4 * TTile.ColumnQuads * TTile.Side);

        // Load: the lines of both inputs that this thread stages.
        int line = TileProduct.FirstLine<TTile>();
        int step = TileProduct.LineStep<TTile>();
        var a = new TileLines(
            input, input.Cast<Quad>(), InputStart(shape, firstRow + line), InputStart(shape, firstRow + line + step));
        var b = new TileLines(
            weight, weight.Cast<Quad>(), WeightStart(shape, firstColumn + line), WeightStart(shape, firstColumn + line + step));
        RegisterBlock sums = TileProduct.Multiply<TTile>(a, b, shape.Depth, shape.AlignedInput != 0, As, Bs);

        // Store: four rows of four columns, up to four times.
        int row = firstRow + 4 * Group.IdxY;
        int column = firstColumn + 4 * Group.IdxX;
        StoreTile<TEpilogue>(bias, shape, row, column, sums.C00, output);
        if (TTile.ColumnQuads > 1)
            StoreTile<TEpilogue>(bias, shape, row, column + 4 * TTile.Side, sums.C01, output);
        if (TTile.RowQuads > 1)
        {
            StoreTile<TEpilogue>(bias, shape, row + 4 * TTile.Side, column, sums.C10, output);
            if (TTile.ColumnQuads > 1)
                StoreTile<TEpilogue>(bias, shape, row + 4 * TTile.Side, column + 4 * TTile.Side, sums.C11, output);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long InputStart(GemmShape shape, int row) =>
        row < shape.Rows ? (long)shape.Map.BufferRow(row) * shape.InputStride : -1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long WeightStart(GemmShape shape, int column) =>
        column < shape.Columns ? (long)column * shape.Depth : -1;

    private static void StoreTile<TEpilogue>(
        ArrayView<float> bias, GemmShape shape, int row, int column, RegisterTile sums, ArrayView<float> output)
        where TEpilogue : struct, IEpilogue
    {
        int count = shape.Columns - column;
        Quad biases = Quad.Load(bias, bias.Cast<Quad>(), column, count, shape.AlignedOutput != 0);
        StoreRow<TEpilogue>(shape, row, column, count, Quad.Add(sums.R0, biases), output);
        StoreRow<TEpilogue>(shape, row + 1, column, count, Quad.Add(sums.R1, biases), output);
        StoreRow<TEpilogue>(shape, row + 2, column, count, Quad.Add(sums.R2, biases), output);
        StoreRow<TEpilogue>(shape, row + 3, column, count, Quad.Add(sums.R3, biases), output);
    }

    private static void StoreRow<TEpilogue>(GemmShape shape, int row, int column, int count, Quad sums, ArrayView<float> output)
        where TEpilogue : struct, IEpilogue
    {
        if (row >= shape.Rows)
            return;
        if (TEpilogue.IsGated)
        {
            // Two pairs of columns, of which the second may lie behind the last.
            long first = (long)shape.Map.BufferRow(row) * shape.OutputStride + column / 2;
            if (count > 0)
                output[first] = TEpilogue.Apply(sums.X, sums.Y);
            if (count > 2)
                output[first + 1] = TEpilogue.Apply(sums.Z, sums.W);
            return;
        }

        bool aligned = shape.AlignedOutput != 0;
        ArrayView<Quad> quads = output.Cast<Quad>();
        long index = (long)shape.Map.BufferRow(row) * shape.OutputStride + column;
        Quad previous = default;
        if (TEpilogue.ReadsOutput)
            previous = Quad.Load(output, quads, index, count, aligned);
        var values = new Quad(
            TEpilogue.Apply(sums.X, previous.X),
            TEpilogue.Apply(sums.Y, previous.Y),
            TEpilogue.Apply(sums.Z, previous.Z),
            TEpilogue.Apply(sums.W, previous.W));
        Quad.Store(output, quads, index, count, aligned, values);
    }
}
