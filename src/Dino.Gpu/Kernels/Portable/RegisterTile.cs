using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// A 4x4 block of accumulators. It has four quads, because ILGPU keeps fields in registers but a local array in memory.
/// Row r holds columns 0 to 3.
/// </summary>
internal struct RegisterTile
{
    public Quad R0, R1, R2, R3;

    /// <summary>C += a b^T, the outer product of four rows and four columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd(Quad a, Quad b)
    {
        R0.X += a.X * b.X;
        R0.Y += a.X * b.Y;
        R0.Z += a.X * b.Z;
        R0.W += a.X * b.W;
        R1.X += a.Y * b.X;
        R1.Y += a.Y * b.Y;
        R1.Z += a.Y * b.Z;
        R1.W += a.Y * b.W;
        R2.X += a.Z * b.X;
        R2.Y += a.Z * b.Y;
        R2.Z += a.Z * b.Z;
        R2.W += a.Z * b.W;
        R3.X += a.W * b.X;
        R3.Y += a.W * b.Y;
        R3.Z += a.W * b.Z;
        R3.W += a.W * b.W;
    }

    /// <summary>Multiplies each row by its own factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ScaleRows(Quad factors)
    {
        R0 = Quad.Multiply(R0, Quad.Of(factors.X));
        R1 = Quad.Multiply(R1, Quad.Of(factors.Y));
        R2 = Quad.Multiply(R2, Quad.Of(factors.Z));
        R3 = Quad.Multiply(R3, Quad.Of(factors.W));
    }
}

/// <summary>
/// One thread's share of a tile: 4 * RowQuads rows by 4 * ColumnQuads columns, up to 8x8. Cij is row quad i, column
/// quad j.
/// </summary>
internal struct RegisterBlock
{
    public RegisterTile C00, C01;
    public RegisterTile C10, C11;

    /// <summary>
    /// C += a b^T. Parts for which a tile shape has no quads are removed when the kernel is compiled.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MultiplyAdd<TTile>(Quad a0, Quad a1, Quad b0, Quad b1)
        where TTile : struct, ITileShape
    {
        C00.MultiplyAdd(a0, b0);
        if (TTile.ColumnQuads > 1)
            C01.MultiplyAdd(a0, b1);
        if (TTile.RowQuads > 1)
        {
            C10.MultiplyAdd(a1, b0);
            if (TTile.ColumnQuads > 1)
                C11.MultiplyAdd(a1, b1);
        }
    }

    /// <summary>Multiplies each row by its own factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ScaleRows<TTile>(Quad factors0, Quad factors1)
        where TTile : struct, ITileShape
    {
        C00.ScaleRows(factors0);
        if (TTile.ColumnQuads > 1)
            C01.ScaleRows(factors0);
        if (TTile.RowQuads > 1)
        {
            C10.ScaleRows(factors1);
            if (TTile.ColumnQuads > 1)
                C11.ScaleRows(factors1);
        }
    }
}
