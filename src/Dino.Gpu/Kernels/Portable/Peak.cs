using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Nothing but multiply-adds in registers: what the other kernels are measured against.</summary>
internal static class Peak
{
    /// <summary>Floating-point operations of one thread: eight chains of multiply-adds.</summary>
    public static long Operations(int iterations) => 16L * iterations;

    /// <summary>One value a thread, so that nothing can be left out.</summary>
    /// <param name="index">Thread.</param>
    /// <param name="iterations">Steps of each chain.</param>
    /// <param name="values">(threads) start values, replaced by the result.</param>
    public static void Kernel(Index1D index, int iterations, ArrayView<float> values)
    {
        float x = values[index];
        float y = 1e-6f;
        float c0 = x, c1 = x + 1, c2 = x + 2, c3 = x + 3, c4 = x + 4, c5 = x + 5, c6 = x + 6, c7 = x + 7;
        for (int i = 0; i < iterations; i++)
        {
            c0 = c0 * y + x;
            c1 = c1 * y + x;
            c2 = c2 * y + x;
            c3 = c3 * y + x;
            c4 = c4 * y + x;
            c5 = c5 * y + x;
            c6 = c6 * y + x;
            c7 = c7 * y + x;
        }

        values[index] = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7;
    }
}
