using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>The gate of an MLP over a tile.</summary>
internal static unsafe class Silu
{
    /// <summary>
    /// y = silu(gate) * up. A panel of x is a vector of gate columns, then one of up columns; it becomes one vector of
    /// y. y may be x: what is written was read before.
    /// </summary>
    /// <param name="x">(rows, panels, 2, vector) with the row stride <see cref="Gemm.BlockSize"/>.</param>
    /// <param name="y">(rows, panels, vector) with the same row stride.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="panels">Panels.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TVector>(float* x, float* y, int rows, int panels)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        for (int row = 0; row < rows; row++, x += Gemm.BlockSize, y += Gemm.BlockSize)
        {
            for (int panel = 0; panel < panels; panel++)
            {
                float* pair = x + 2 * panel * TVector.Count;
                TVector.Store(VectorMath.Silu(TVector.Load(pair)) * TVector.Load(pair + TVector.Count), y + panel * TVector.Count);
            }
        }
    }
}
