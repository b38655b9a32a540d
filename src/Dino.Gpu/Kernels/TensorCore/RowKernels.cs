using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Pipeline;
using ILGPU;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>What stands between the products: everything computed in float32 and rounded once, to the format that the next product reads.</summary>
internal static class RowKernels
{
    /// <summary>Rows that a group of LayerNorm takes, a warp each.</summary>
    public const int RowsPerGroup = 4;

    /// <summary>
    /// output = (input - mean) / sqrt(variance + epsilon) * weight + bias over each row, a warp a row, two columns a lane at a time. The
    /// variance is summed from the differences to the mean, in a second pass: E[x^2] - E[x]^2 cancels. Group: (32, RowsPerGroup).
    /// </summary>
    /// <param name="input">(rows, columns) in float32: the residual stream.</param>
    /// <param name="weight">(columns)</param>
    /// <param name="bias">(columns)</param>
    /// <param name="shape">An even number of columns.</param>
    /// <param name="output">(rows, columns) in the format.</param>
    public static void LayerNormKernel<TFormat>(
        ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, LayerNormShape shape, ArrayView<uint> output)
        where TFormat : struct, ITensorFormat
    {
        int row = Grid.IdxX * RowsPerGroup + Group.IdxY;
        if (row >= shape.Rows)
            return; // The whole warp; there is no barrier of the group.
        int pairs = shape.Columns / 2;
        long inputRow = (long)shape.InputMap.BufferRow(row) * shape.Columns;

        float sum = 0f;
        for (int pair = Group.IdxX; pair < pairs; pair += TileLayout.WarpSize)
            sum += input[inputRow + 2 * pair] + input[inputRow + 2 * pair + 1];
        float mean = SumOfWarp(sum) / shape.Columns;

        float squares = 0f;
        for (int pair = Group.IdxX; pair < pairs; pair += TileLayout.WarpSize)
        {
            float first = input[inputRow + 2 * pair] - mean;
            float second = input[inputRow + 2 * pair + 1] - mean;
            squares += first * first + second * second;
        }

        float scale = 1f / MathF.Sqrt(SumOfWarp(squares) / shape.Columns + shape.Epsilon);

        long outputRow = (long)shape.OutputMap.BufferRow(row) * pairs;
        for (int pair = Group.IdxX; pair < pairs; pair += TileLayout.WarpSize)
        {
            float first = (input[inputRow + 2 * pair] - mean) * scale * weight[2 * pair] + bias[2 * pair];
            float second = (input[inputRow + 2 * pair + 1] - mean) * scale * weight[2 * pair + 1] + bias[2 * pair + 1];
            TFormat.StorePair(output, outputRow + pair, first, second);
        }
    }

    /// <summary>The portable unfold, in the format: one thread a pair of neighbouring values of a patch.</summary>
    /// <param name="index">(image, patch, pair), pair fastest.</param>
    /// <param name="pixels">(images, height, width, 3)</param>
    /// <param name="table">(3, 256)</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="patches">(images * tokens, 3 * patch * patch) in the format; the class token's row is not touched.</param>
    public static void UnfoldKernel<TFormat>(Index1D index, ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, ArrayView<uint> patches)
        where TFormat : struct, ITensorFormat
    {
        int pairs = shape.PatchLength / 2;
        int pair = index % pairs;
        int patch = index / pairs % shape.PatchCount;
        int image = index / pairs / shape.PatchCount;
        long row = (long)image * shape.TokenCount + 1 + patch;
        TFormat.StorePair(
            patches, row * pairs + pair, Pixel(pixels, table, shape, image, patch, 2 * pair), Pixel(pixels, table, shape, image, patch, 2 * pair + 1));
    }

    /// <summary>Rounds float32 to the format: one thread a pair.</summary>
    public static void RoundKernel<TFormat>(Index1D pair, ArrayView<float> values, ArrayView<uint> rounded)
        where TFormat : struct, ITensorFormat =>
        TFormat.StorePair(rounded, pair, values[2 * pair], values[2 * pair + 1]);

    private static float Pixel(ArrayView<byte> pixels, ArrayView<float> table, VitShape shape, int image, int patch, int column)
    {
        int channel = column / (shape.PatchSize * shape.PatchSize);
        int y = patch / shape.GridWidth * shape.PatchSize + column / shape.PatchSize % shape.PatchSize;
        int x = patch % shape.GridWidth * shape.PatchSize + column % shape.PatchSize;
        return table[channel * 256 + pixels[(((long)image * shape.InputHeight + y) * shape.InputWidth + x) * 3 + channel]];
    }

    /// <summary>The sum over the 32 lanes, the same bits in each.</summary>
    private static float SumOfWarp(float value)
    {
        value += Warp.ShuffleXor(value, 16);
        value += Warp.ShuffleXor(value, 8);
        value += Warp.ShuffleXor(value, 4);
        value += Warp.ShuffleXor(value, 2);
        return value + Warp.ShuffleXor(value, 1);
    }
}
