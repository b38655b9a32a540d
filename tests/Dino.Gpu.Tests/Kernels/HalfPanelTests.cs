using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels;

/// <summary>Products whose last panel has columns in its first vector only, as attention's 197 keys do.</summary>
public sealed unsafe class HalfPanelTests
{
    private const float Untouched = -3f;

    [Theory]
    [InlineData((int)SimdWidth.Lanes16)]
    [InlineData((int)SimdWidth.Lanes8)]
    [InlineData((int)SimdWidth.Lanes4)]
    public void Half_a_panel_has_the_bytes_of_a_whole_one(int width)
    {
        SimdModel.Require((SimdWidth)width);
        for (int rows = 1; rows <= 29; rows++)
        {
            foreach (bool accumulate in new[] { false, true })
            {
                float[] whole = Multiply(width, rows, accumulate, halfPanel: false);
                float[] half = Multiply(width, rows, accumulate, halfPanel: true);
                for (int row = 0; row < rows; row++)
                {
                    Assert.Equal(whole.AsSpan(row * Gemm.BlockSize, 5 * width), half.AsSpan(row * Gemm.BlockSize, 5 * width));
                    Assert.Equal(Untouched, half[row * Gemm.BlockSize + 5 * width]);
                    Assert.NotEqual(Untouched, whole[row * Gemm.BlockSize + 5 * width]);
                }
            }
        }
    }

    /// <summary>Three panels of two vectors, with a bias.</summary>
    private static float[] Multiply(int width, int rows, bool accumulate, bool halfPanel)
    {
        const int K = 64, Panels = 3, Ahead = 4096; // a prefetch runs ahead of the last panel
        var random = new Random(rows);
        float[] c = [.. Enumerable.Repeat(Untouched, rows * Gemm.BlockSize)];
        float[] panels = Values(Panels * 2 * width * K + Ahead);
        fixed (float* a = Values(rows * Gemm.BlockSize), b = panels, bias = Values(Panels * 2 * width), to = c)
        {
            switch (width)
            {
                case 16: Gemm.Multiply<Float16>(a, b, bias, to, rows, K, Panels, accumulate, false, halfPanel); break;
                case 8: Gemm.Multiply<Float8>(a, b, bias, to, rows, K, Panels, accumulate, false, halfPanel); break;
                default: Gemm.Multiply<Float4>(a, b, bias, to, rows, K, Panels, accumulate, false, halfPanel); break;
            }
        }

        return c;

        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextDouble() - 0.5f)];
    }
}
