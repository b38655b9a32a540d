using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>Measures the peak: nothing but fused multiply-adds in registers.</summary>
internal static unsafe class Peak
{
    /// <summary>The number of independent chains: enough to cover the latency of two units.</summary>
    private const int Chains = 12;

    /// <summary>Floating-point operations that <see cref="Kernel"/> does in one group.</summary>
    public static long Operations(long iterations, int lanes) => 2 * Chains * lanes * iterations;

    /// <summary>Each group runs its chains and stores one value, so that the JIT cannot drop them.</summary>
    public static void Kernel<TVector>(ArrayView<float> results, int iterations)
        where TVector : unmanaged, IFloatVector<TVector>
        => Run<TVector>(ref results[Grid.IdxX], iterations);

    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run<TVector>(ref float result, int iterations)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        TVector x = TVector.Create(result), y = TVector.Create(1e-6f);
        TVector c0 = x, c1 = x, c2 = x, c3 = x, c4 = x, c5 = x, c6 = x, c7 = x, c8 = x, c9 = x, c10 = x, c11 = x;
        for (int i = 0; i < iterations; i++)
        {
            c0 = TVector.MultiplyAdd(x, y, c0);
            c1 = TVector.MultiplyAdd(x, y, c1);
            c2 = TVector.MultiplyAdd(x, y, c2);
            c3 = TVector.MultiplyAdd(x, y, c3);
            c4 = TVector.MultiplyAdd(x, y, c4);
            c5 = TVector.MultiplyAdd(x, y, c5);
            c6 = TVector.MultiplyAdd(x, y, c6);
            c7 = TVector.MultiplyAdd(x, y, c7);
            c8 = TVector.MultiplyAdd(x, y, c8);
            c9 = TVector.MultiplyAdd(x, y, c9);
            c10 = TVector.MultiplyAdd(x, y, c10);
            c11 = TVector.MultiplyAdd(x, y, c11);
        }

        result = TVector.Sum(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11);
    }
}
