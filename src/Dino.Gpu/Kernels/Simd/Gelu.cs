using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>GELU over a tile.</summary>
internal static unsafe class Gelu
{
    /// <summary>x = gelu(x) in place.</summary>
    /// <param name="x">
    /// (rows, columns) with the row stride <see cref="Gemm.BlockSize"/>. The columns are a multiple of two vectors.
    /// </param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TVector>(float* x, int rows, int columns)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        if (typeof(TVector) == typeof(Float16))
        {
            GeluTable.Apply(x, rows, columns);
            return;
        }

        for (int row = 0; row < rows; row++, x += Gemm.BlockSize)
        {
            for (int column = 0; column < columns; column += 2 * TVector.Count)
            {
                // Two at a time, so that their chains of multiply-adds overlap.
                TVector left = VectorMath.Gelu(TVector.Load(x + column));
                TVector right = VectorMath.Gelu(TVector.Load(x + column + TVector.Count));
                TVector.Store(left, x + column);
                TVector.Store(right, x + column + TVector.Count);
            }
        }
    }
}
