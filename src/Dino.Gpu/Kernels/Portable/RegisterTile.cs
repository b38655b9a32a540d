using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// A 4x4 block of accumulators, one thread's share of a tile: 16 named fields, because ILGPU turns fields into registers and a local
/// array into memory. Cij is row i, column j.
/// </summary>
internal struct RegisterTile
{
    /// <summary>Rows and columns that one thread computes.</summary>
    public const int Size = 4;

    public float C00, C01, C02, C03;
    public float C10, C11, C12, C13;
    public float C20, C21, C22, C23;
    public float C30, C31, C32, C33;

    /// <summary>C += a b^T, the outer product of four rows and four columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(float a0, float a1, float a2, float a3, float b0, float b1, float b2, float b3)
    {
        C00 += a0 * b0;
        C01 += a0 * b1;
        C02 += a0 * b2;
        C03 += a0 * b3;
        C10 += a1 * b0;
        C11 += a1 * b1;
        C12 += a1 * b2;
        C13 += a1 * b3;
        C20 += a2 * b0;
        C21 += a2 * b1;
        C22 += a2 * b2;
        C23 += a2 * b3;
        C30 += a3 * b0;
        C31 += a3 * b1;
        C32 += a3 * b2;
        C33 += a3 * b3;
    }

    /// <summary>Multiplies each row by its own factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ScaleRows(float s0, float s1, float s2, float s3)
    {
        C00 *= s0;
        C01 *= s0;
        C02 *= s0;
        C03 *= s0;
        C10 *= s1;
        C11 *= s1;
        C12 *= s1;
        C13 *= s1;
        C20 *= s2;
        C21 *= s2;
        C22 *= s2;
        C23 *= s2;
        C30 *= s3;
        C31 *= s3;
        C32 *= s3;
        C33 *= s3;
    }
}
