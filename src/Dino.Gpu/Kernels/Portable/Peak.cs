using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Measures the peak: nothing but multiply-adds in registers.</summary>
internal static class Peak
{
    /// <summary>Floating-point operations of one thread: eight chains of multiply-adds.</summary>
    public static long Operations(int iterations) => 16L * iterations;

    /// <summary>Runs the chains and stores one value per thread, so that the compiler cannot drop them.</summary>
    /// <param name="index">Thread.</param>
    /// <param name="iterations">
    /// Steps of each chain, a multiple of 8. The loop is unrolled, because its own instructions take time too.
    /// </param>
    /// <param name="values">(threads): start values, replaced by the results.</param>
    public static void Kernel(Index1D index, int iterations, ArrayView<float> values)
    {
        float x = values[index];
        var a = new Chains { C0 = x, C1 = x + 1, C2 = x + 2, C3 = x + 3, C4 = x + 4, C5 = x + 5, C6 = x + 6, C7 = x + 7 };
        for (int i = 0; i < iterations; i += 8)
        {
            Step(ref a, x);
            Step(ref a, x);
            Step(ref a, x);
            Step(ref a, x);
            Step(ref a, x);
            Step(ref a, x);
            Step(ref a, x);
            Step(ref a, x);
        }

        values[index] = a.C0 + a.C1 + a.C2 + a.C3 + a.C4 + a.C5 + a.C6 + a.C7;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(ref Chains a, float x)
    {
        const float Factor = 1e-6f;
        a.C0 = a.C0 * Factor + x;
        a.C1 = a.C1 * Factor + x;
        a.C2 = a.C2 * Factor + x;
        a.C3 = a.C3 * Factor + x;
        a.C4 = a.C4 * Factor + x;
        a.C5 = a.C5 * Factor + x;
        a.C6 = a.C6 * Factor + x;
        a.C7 = a.C7 * Factor + x;
    }

    private struct Chains
    {
        public float C0, C1, C2, C3, C4, C5, C6, C7;
    }
}
