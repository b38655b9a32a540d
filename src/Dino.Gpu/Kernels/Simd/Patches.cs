using System.Runtime.CompilerServices;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>Turns pixels into the rows that the patch embedding multiplies.</summary>
internal static unsafe class Patches
{
    /// <summary>Unfolds one patch: columns (channel, y, x), normalized by a table lookup.</summary>
    /// <param name="pixels">(height, width, 3) bytes of one picture.</param>
    /// <param name="table">(3, 256) normalized values.</param>
    /// <param name="shape">Input and patch size.</param>
    /// <param name="patch">Number of the patch, counted row by row.</param>
    /// <param name="output">One row, its column blocks <paramref name="blockStride"/> apart.</param>
    /// <param name="blockStride">Floats from one column block to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unfold(byte* pixels, float* table, in VitShape shape, int patch, float* output, nint blockStride)
    {
        int size = shape.PatchSize;
        int x0 = patch % shape.GridWidth * size;
        int y0 = patch / shape.GridWidth * size;
        if (shape.IsSampled)
        {
            Sample(pixels, table, shape, x0, y0, output, blockStride);
            return;
        }

        for (int channel = 0; channel < 3; channel++)
        {
            float* values = table + channel * 256;
            for (int y = 0; y < size; y++)
            {
                byte* source = pixels + 3 * ((nint)(y0 + y) * shape.PictureWidth + x0) + channel;
                int column = (channel * size + y) * size;
                int end = column + size;
                while (column < end)
                {
                    // A row of the patch may continue in the next column block.
                    int count = Math.Min(end - column, Gemm.BlockSize - column % Gemm.BlockSize);
                    float* destination = output + column / Gemm.BlockSize * blockStride + column % Gemm.BlockSize;
                    for (int x = 0; x < count; x++)
                        destination[x] = values[source[3 * x]];
                    source += 3 * count;
                    column += count;
                }
            }
        }
    }

    /// <summary>
    /// Does the same as <see cref="Unfold"/> with values that are normalized already, because they are no bytes.
    /// </summary>
    /// <param name="pixels">(height, width, 3) of one picture.</param>
    /// <param name="shape">Input and patch size.</param>
    /// <param name="patch">Number of the patch, counted row by row.</param>
    /// <param name="output">One row, its column blocks <paramref name="blockStride"/> apart.</param>
    /// <param name="blockStride">Floats from one column block to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UnfoldFractions(float* pixels, in VitShape shape, int patch, float* output, nint blockStride)
    {
        int size = shape.PatchSize;
        int x0 = patch % shape.GridWidth * size;
        int y0 = patch / shape.GridWidth * size;
        for (int y = 0; y < size; y++)
        {
            BilinearTap row = BilinearTap.Of(y0 + y, shape.SampleStep, shape.PictureHeight);
            float* above = pixels + 3 * (nint)(shape.IsSampled ? row.First : y0 + y) * shape.PictureWidth;
            float* below = pixels + 3 * (nint)row.Second * shape.PictureWidth;
            for (int x = 0; x < size; x++)
            {
                BilinearTap column = BilinearTap.Of(x0 + x, shape.SampleStep, shape.PictureWidth);
                for (int channel = 0; channel < 3; channel++)
                {
                    int place = (channel * size + y) * size + x;
                    float* value = output + place / Gemm.BlockSize * blockStride + place % Gemm.BlockSize;
                    if (!shape.IsSampled)
                    {
                        *value = above[3 * (x0 + x) + channel];
                        continue;
                    }

                    int first = 3 * column.First + channel;
                    int second = 3 * column.Second + channel;
                    *value = BilinearTap.Mix(
                        BilinearTap.Mix(above[first], above[second], column.Fraction),
                        BilinearTap.Mix(below[first], below[second], column.Fraction), row.Fraction);
                }
            }
        }
    }

    /// <summary>
    /// Does the same as <see cref="Unfold"/> if the input is sampled from the picture. This is rare, so the loops are
    /// plain.
    /// </summary>
    private static void Sample(byte* pixels, float* table, in VitShape shape, int x0, int y0, float* output, nint blockStride)
    {
        int size = shape.PatchSize;
        for (int y = 0; y < size; y++)
        {
            BilinearTap row = BilinearTap.Of(y0 + y, shape.SampleStep, shape.PictureHeight);
            byte* above = pixels + 3 * (nint)row.First * shape.PictureWidth;
            byte* below = pixels + 3 * (nint)row.Second * shape.PictureWidth;
            for (int x = 0; x < size; x++)
            {
                BilinearTap column = BilinearTap.Of(x0 + x, shape.SampleStep, shape.PictureWidth);
                for (int channel = 0; channel < 3; channel++)
                {
                    float* values = table + channel * 256;
                    int first = 3 * column.First + channel;
                    int second = 3 * column.Second + channel;
                    float upper = BilinearTap.Mix(values[above[first]], values[above[second]], column.Fraction);
                    float lower = BilinearTap.Mix(values[below[first]], values[below[second]], column.Fraction);
                    int place = (channel * size + y) * size + x;
                    output[place / Gemm.BlockSize * blockStride + place % Gemm.BlockSize] = BilinearTap.Mix(upper, lower, row.Fraction);
                }
            }
        }
    }
}
