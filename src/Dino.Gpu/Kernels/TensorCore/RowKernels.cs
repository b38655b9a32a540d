using System.Runtime.CompilerServices;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The kernels between the products. They compute in float32 and round once, to the format that the next product reads.
/// </summary>
internal static class RowKernels
{
    /// <summary>Rows that a group of LayerNorm takes, one per warp.</summary>
    public const int RowsPerGroup = 4;

    /// <summary>Quads of a row that a lane of LayerNorm keeps: 1024 columns.</summary>
    private const int Kept = 8;

    /// <summary>
    /// output = (input - mean) / sqrt(variance + epsilon) * weight + bias over each row, one warp per row. The lanes
    /// keep the row in registers, eight quads each, so it comes from memory once, 16 bytes at a time. Columns beyond
    /// 1024 are read again from the cache. The variance is summed from the differences to the mean, in a second pass
    /// over the registers, because E[x^2] - E[x]^2 cancels. Group: (32, RowsPerGroup).
    /// </summary>
    /// <param name="input">(rows, columns) in float32: the residual stream.</param>
    /// <param name="weight">(columns)</param>
    /// <param name="bias">(columns)</param>
    /// <param name="shape">The sizes; the columns are a multiple of 4.</param>
    /// <param name="output">Global address of (rows, columns) in the format, 16-byte aligned.</param>
    public static void LayerNormKernel<TFormat>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, LayerNormShape shape, long output)
        where TFormat : struct, ITensorFormat
    {
        CudaAsm.Emit(EpilogueText.Registers);
        int row = Grid.IdxX * RowsPerGroup + Group.IdxY;
        if (row >= shape.Rows)
            return; // the whole warp returns; the group has no barrier
        int count = shape.Columns / 4;
        long inputRow = (long)shape.InputMap.BufferRow(row) * count;

        // Read: neighboring lanes take neighboring quads. Values past the last column are zero.
        int first = Group.IdxX;
        Quad q0 = Load(input, inputRow, first, count);
        Quad q1 = Load(input, inputRow, first + TileLayout.WarpSize, count);
        Quad q2 = Load(input, inputRow, first + 2 * TileLayout.WarpSize, count);
        Quad q3 = Load(input, inputRow, first + 3 * TileLayout.WarpSize, count);
        Quad q4 = Load(input, inputRow, first + 4 * TileLayout.WarpSize, count);
        Quad q5 = Load(input, inputRow, first + 5 * TileLayout.WarpSize, count);
        Quad q6 = Load(input, inputRow, first + 6 * TileLayout.WarpSize, count);
        Quad q7 = Load(input, inputRow, first + 7 * TileLayout.WarpSize, count);

        // Mean.
        int beyond = first + Kept * TileLayout.WarpSize;
        float sum = ((Sum(q0) + Sum(q1)) + (Sum(q2) + Sum(q3))) + ((Sum(q4) + Sum(q5)) + (Sum(q6) + Sum(q7)));
        for (int quad = beyond; quad < count; quad += TileLayout.WarpSize)
            sum += Sum(Load(input, inputRow, quad, count));
        float mean = SumOfWarp(sum) / shape.Columns;

        // Variance.
        float squares = ((Squares(q0, mean, first, count) + Squares(q1, mean, first + TileLayout.WarpSize, count))
                + (Squares(q2, mean, first + 2 * TileLayout.WarpSize, count) + Squares(q3, mean, first + 3 * TileLayout.WarpSize, count)))
            + ((Squares(q4, mean, first + 4 * TileLayout.WarpSize, count) + Squares(q5, mean, first + 5 * TileLayout.WarpSize, count))
                + (Squares(q6, mean, first + 6 * TileLayout.WarpSize, count) + Squares(q7, mean, first + 7 * TileLayout.WarpSize, count)));
        for (int quad = beyond; quad < count; quad += TileLayout.WarpSize)
            squares += Squares(Load(input, inputRow, quad, count), mean, quad, count);
        float scale = 1f / MathF.Sqrt(SumOfWarp(squares) / shape.Columns + shape.Epsilon);

        // Scale, round and store.
        long outputRow = output + (long)shape.OutputMap.BufferRow(row) * shape.Columns * TFormat.ElementSize;
        Store<TFormat>(weight, bias, outputRow, first, count, q0, mean, scale);
        Store<TFormat>(weight, bias, outputRow, first + TileLayout.WarpSize, count, q1, mean, scale);
        Store<TFormat>(weight, bias, outputRow, first + 2 * TileLayout.WarpSize, count, q2, mean, scale);
        Store<TFormat>(weight, bias, outputRow, first + 3 * TileLayout.WarpSize, count, q3, mean, scale);
        Store<TFormat>(weight, bias, outputRow, first + 4 * TileLayout.WarpSize, count, q4, mean, scale);
        Store<TFormat>(weight, bias, outputRow, first + 5 * TileLayout.WarpSize, count, q5, mean, scale);
        Store<TFormat>(weight, bias, outputRow, first + 6 * TileLayout.WarpSize, count, q6, mean, scale);
        Store<TFormat>(weight, bias, outputRow, first + 7 * TileLayout.WarpSize, count, q7, mean, scale);
        for (int quad = beyond; quad < count; quad += TileLayout.WarpSize)
            Store<TFormat>(weight, bias, outputRow, quad, count, Load(input, inputRow, quad, count), mean, scale);
    }

    /// <summary>
    /// The portable unfold, in the format. One thread takes four neighboring values of a line of a patch and stores
    /// them at once.
    /// </summary>
    /// <param name="index">(image, patch, quad), quad fastest.</param>
    /// <param name="pixels">(images, height, width, 3)</param>
    /// <param name="table">(3, 256)</param>
    /// <param name="shape">The model at this input size. Its patch size is a multiple of 4.</param>
    /// <param name="patches">
    /// (images * tokens, 3 * patch * patch) in the format; the rows before the first patch are not touched.
    /// </param>
    public static void UnfoldKernel<TFormat>(
        Index1D index, ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, ArrayView<uint> patches)
        where TFormat : struct, ITensorFormat
    {
        int quads = shape.PatchLength / 4;
        int quad = index % quads;
        int patch = index / quads % shape.PatchCount;
        int image = index / quads / shape.PatchCount;
        int column = 4 * quad;
        int channel = column / (shape.PatchSize * shape.PatchSize);
        int y = patch / shape.GridWidth * shape.PatchSize + column / shape.PatchSize % shape.PatchSize;
        int x = patch % shape.GridWidth * shape.PatchSize + column % shape.PatchSize;
        long row = (long)image * shape.TokenCount + shape.PrefixTokenCount + patch;
        Quad values;
        if (shape.IsSampled)
        {
            values = new Quad(
                Embedding.Pixel(pixels, table, shape, image, channel, y, x), Embedding.Pixel(
                    pixels, table, shape, image, channel, y, x + 1),
                Embedding.Pixel(
                    pixels, table, shape, image, channel, y, x + 2), Embedding.Pixel(pixels, table, shape, image, channel, y, x + 3));
        }
        else
        {
            long pixel = (((long)image * shape.PictureHeight + y) * shape.PictureWidth + x) * 3 + channel;
            int line = channel * 256;
            values = new Quad(
                table[line + pixels[pixel]],
                table[line + pixels[pixel + 3]],
                table[line + pixels[pixel + 6]],
                table[line + pixels[pixel + 9]]);
        }

        TFormat.StoreQuad(patches, row * quads + quad, values);
    }

    /// <summary>
    /// The unfold of a patch whose lines are no whole quads, such as 14 pixels, with rows that are longer than a patch:
    /// what lies behind it is zero. One thread takes four neighboring values, each by itself, and stores them at once.
    /// </summary>
    /// <param name="index">(image, patch, quad), quad fastest.</param>
    /// <param name="pixels">(images, height, width, 3)</param>
    /// <param name="table">(3, 256)</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="columns">Columns of a row, a multiple of 4.</param>
    /// <param name="patches">
    /// (images * tokens, columns) in the format; the rows before the first patch are not touched.
    /// </param>
    public static void UnfoldPaddedKernel<TFormat>(
        Index1D index, ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, int columns, ArrayView<uint> patches)
        where TFormat : struct, ITensorFormat
    {
        int quads = columns / 4;
        int column = index % quads * 4;
        int patch = index / quads % shape.PatchCount;
        int image = index / quads / shape.PatchCount;
        long row = (long)image * shape.TokenCount + shape.PrefixTokenCount + patch;
        var values = new Quad(
            PatchValue(pixels, table, shape, image, patch, column), PatchValue(pixels, table, shape, image, patch, column + 1),
            PatchValue(pixels, table, shape, image, patch, column + 2), PatchValue(pixels, table, shape, image, patch, column + 3));
        TFormat.StoreQuad(patches, row * quads + column / 4, values);
    }

    /// <summary>
    /// As <see cref="UnfoldPaddedKernel"/>, of pictures whose values are normalized already, because they are no bytes.
    /// </summary>
    /// <param name="index">(image, patch, quad), quad fastest.</param>
    /// <param name="pixels">(images, height, width, 3)</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="columns">Columns of a row, a multiple of 4.</param>
    /// <param name="patches">
    /// (images * tokens, columns) in the format; the rows before the first patch are not touched.
    /// </param>
    public static void UnfoldFractionsKernel<TFormat>(
        Index1D index, ArrayView<float> pixels, VitShape shape, int columns, ArrayView<uint> patches)
        where TFormat : struct, ITensorFormat
    {
        int quads = columns / 4;
        int column = index % quads * 4;
        int patch = index / quads % shape.PatchCount;
        int image = index / quads / shape.PatchCount;
        long row = (long)image * shape.TokenCount + shape.PrefixTokenCount + patch;
        var values = new Quad(
            FractionOrZero(pixels, shape, image, patch, column), FractionOrZero(pixels, shape, image, patch, column + 1),
            FractionOrZero(pixels, shape, image, patch, column + 2), FractionOrZero(pixels, shape, image, patch, column + 3));
        TFormat.StoreQuad(patches, row * quads + column / 4, values);
    }

    /// <summary>
    /// The portable rotation (<see cref="Rotation.RotateKernel"/>), in the format. One thread takes four neighboring
    /// pairs.
    /// </summary>
    /// <param name="index">(image, patch, part, head, quad), quad fastest.</param>
    /// <param name="table">(patches, head size)</param>
    /// <param name="shape">Sizes; the head size is a multiple of 8.</param>
    /// <param name="qkv">(images * tokens, 3 * hidden) in the format.</param>
    public static void RotateKernel<TFormat>(Index1D index, ArrayView<float> table, RotationShape shape, ArrayView<uint> qkv)
        where TFormat : struct, ITensorFormat
    {
        int quads = shape.HalfHead / 4;
        int quadsOfRow = shape.PairsOfRow / 4;
        int row = index / quadsOfRow;
        int inRow = index % quadsOfRow;
        int quad = inRow % quads;
        ArrayView<Quad> angles = table.Cast<Quad>();
        long angle = (long)(row % shape.PatchCount) * 2 * quads + quad;
        Quad cosine = angles[angle];
        Quad sine = angles[angle + quads];
        long first = ((long)shape.Patches.BufferRow(row) * 3 + shape.FirstPart) * (shape.HiddenSize / 4) + inRow / quads * 2 * quads + quad;
        Quad a = TFormat.LoadQuad(qkv, first);
        Quad b = TFormat.LoadQuad(qkv, first + quads);
        Quad negative = Quad.Multiply(sine, Quad.Of(-1f));
        TFormat.StoreQuad(qkv, first, Quad.Add(Quad.Multiply(a, cosine), Quad.Multiply(b, negative)));
        TFormat.StoreQuad(qkv, first + quads, Quad.Add(Quad.Multiply(b, cosine), Quad.Multiply(a, sine)));
    }

    /// <summary>Rounds float32 values to the format. One thread takes four values.</summary>
    public static void RoundKernel<TFormat>(Index1D quad, ArrayView<float> values, ArrayView<uint> rounded)
        where TFormat : struct, ITensorFormat =>
        TFormat.StoreQuad(rounded, quad, values.Cast<Quad>()[quad]);

    /// <summary>The value of one column of an unfolded patch, 0 behind the last.</summary>
    private static float FractionOrZero(ArrayView<float> pixels, VitShape shape, int image, int patch, int column) =>
        column < shape.PatchLength ? Embedding.Fraction(pixels, shape, image, patch, column) : 0f;

    /// <summary>The value of one column of an unfolded patch, 0 behind the last.</summary>
    private static float PatchValue(ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, int image, int patch, int column)
    {
        if (column >= shape.PatchLength)
            return 0f;
        int channel = column / (shape.PatchSize * shape.PatchSize);
        int y = patch / shape.GridWidth * shape.PatchSize + column / shape.PatchSize % shape.PatchSize;
        int x = patch % shape.GridWidth * shape.PatchSize + column % shape.PatchSize;
        return Embedding.Pixel(pixels, table, shape, image, channel, y, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Quad Load(ArrayView<float> values, long row, int quad, int count) =>
        quad < count ? values.Cast<Quad>()[row + quad] : default;

    private static float Sum(Quad q) => (q.X + q.Y) + (q.Z + q.W);

    /// <summary>The sum of squared differences to the mean.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Squares(Quad q, float mean, int quad, int count)
    {
        var d = new Quad(q.X - mean, q.Y - mean, q.Z - mean, q.W - mean);
        return quad < count ? Sum(Quad.Multiply(d, d)) : 0f;
    }

    /// <summary>
    /// Scales, rounds and stores a quad. The hardware converts in named registers: the results of an inline conversion
    /// would go through local memory.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TFormat>(
        ArrayView<float> weight, ArrayView<float> bias, long row, int quad, int count, Quad q, float mean, float scale)
        where TFormat : struct, ITensorFormat
    {
        if (quad >= count)
            return;
        Quad w = Load(weight, 0, quad, count);
        Quad b = Load(bias, 0, quad, count);
        CudaAsm.Emit(
            EpilogueText.TakeResults,
            (q.X - mean) * scale * w.X + b.X, (q.Y - mean) * scale * w.Y + b.Y, (q.Z - mean) * scale * w.Z
                + b.Z, (q.W - mean) * scale * w.W + b.W);
        TFormat.StoreResults(row + (long)quad * 4 * TFormat.ElementSize);
    }

    /// <summary>The sum over the 32 lanes, with the same bits in each lane.</summary>
    private static float SumOfWarp(float value)
    {
        value += Warp.ShuffleXor(value, 16);
        value += Warp.ShuffleXor(value, 8);
        value += Warp.ShuffleXor(value, 4);
        value += Warp.ShuffleXor(value, 2);
        return value + Warp.ShuffleXor(value, 1);
    }
}
