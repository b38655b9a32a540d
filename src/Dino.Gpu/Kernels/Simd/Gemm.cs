using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// The matrix product of the SIMD family. Activations are stored in blocks of <see cref="BlockSize"/> columns, (blocks,
/// rows, 384), so that the row stride is a constant that folds into addresses. Weights are stored in panels of two
/// vectors of columns, packed in the order of use. Every product of the network, including attention, is a sequence of
/// <see cref="Multiply"/> calls.
/// </summary>
internal static unsafe class Gemm
{
    /// <summary>
    /// Columns of an activation block, and its row stride: the hidden size of ViT-S, and half of ViT-B's.
    /// </summary>
    public const int BlockSize = 384;

    /// <summary>
    /// Panels that stay in the second-level cache while all rows use them: 6 panels of 384 x 32 floats are 288 KiB.
    /// </summary>
    private const int PanelsPerSweep = 6;

    /// <summary>
    /// How many weight rows the prefetch is ahead of the multiplication. The panel streams from the second-level cache.
    /// </summary>
    private const int PrefetchRows = 24;

    /// <summary>The number of blocks that hold some columns.</summary>
    public static int Blocks(int columns) => (columns + BlockSize - 1) / BlockSize;

    /// <summary>
    /// C = A B + bias, or C += A B + bias. A (rows, k) and C (rows, panels * width) have the row stride
    /// <see cref="BlockSize"/>. B is a sequence of panels of k rows and two vectors of columns. An element is one chain
    /// of fused multiply-adds over k in every tile, so the bytes do not depend on how rows are split.
    /// </summary>
    /// <param name="a">(rows, k)</param>
    /// <param name="b">(panels, k, width)</param>
    /// <param name="bias">(panels * width), or null.</param>
    /// <param name="c">(rows, panels * width)</param>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="k">Columns of A.</param>
    /// <param name="panels">Panels of B.</param>
    /// <param name="accumulate">Whether the product is added to C.</param>
    /// <param name="gelu">Whether GELU is applied to C, while its tile is still in the first-level cache.</param>
    /// <param name="halfPanel">
    /// Whether only the first vector of the last panel is computed. What C holds behind it stays.
    /// </param>
    /// <param name="gated">
    /// Where the products of gate and up go, (rows, panels * width / 2) with the same row stride, while their tile is
    /// still in the first-level cache; null where C is the result. It may be C, or columns of a block before it.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TVector>(
        float* a, float* b, float* bias, float* c, int rows, int k, int panels, bool accumulate, bool gelu, bool halfPanel = false,
        float* gated = null)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int width = 2 * TVector.Count;
        int tiles = (rows + TVector.TileRows - 1) / TVector.TileRows;
        for (int firstPanel = 0; firstPanel < panels; firstPanel += PanelsPerSweep)
        {
            int lastPanel = Math.Min(panels, firstPanel + PanelsPerSweep);
            for (int tile = 0; tile < tiles; tile++)
            {
                // Rows are divided evenly: 197 rows become tiles of 13 and 14 rows, not 14 tiles of 14 and a single
                // row.
                int row = (int)((long)rows * tile / tiles);
                int tileRows = (int)((long)rows * (tile + 1) / tiles) - row;
                float* aTile = a + (nint)row * BlockSize;
                float* cTile = c + (nint)row * BlockSize;
                for (int panel = firstPanel; panel < lastPanel; panel++)
                {
                    float* biasPanel = bias == null ? null : bias + panel * width;
                    float* bPanel = b + (nint)panel * k * width;
                    float* cPanel = cTile + panel * width;
                    if (halfPanel && panel == panels - 1)
                        MultiplyTile<TVector, OneVector>(tileRows, aTile, bPanel, biasPanel, cPanel, k, accumulate);
                    else
                        MultiplyTile<TVector, TwoVectors>(tileRows, aTile, bPanel, biasPanel, cPanel, k, accumulate);
                }

                if (gelu)
                    Gelu.Apply<TVector>(cTile + firstPanel * width, tileRows, (lastPanel - firstPanel) * width);
                else if (gated != null)
                    Silu.Apply<TVector>(
                        cTile + firstPanel * width, gated + (nint)row * BlockSize + firstPanel * TVector.Count, tileRows,
                        lastPanel - firstPanel);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyTile<TVector, TPanel>(int rows, float* a, float* b, float* bias, float* c, int k, bool accumulate)
        where TVector : unmanaged, IFloatVector<TVector>
        where TPanel : struct, IPanelVectors
    {
        switch (rows)
        {
            case 1: Tile<TVector, TPanel, Rows1>(a, b, bias, c, k, accumulate); break;
            case 2: Tile<TVector, TPanel, Rows2>(a, b, bias, c, k, accumulate); break;
            case 3: Tile<TVector, TPanel, Rows3>(a, b, bias, c, k, accumulate); break;
            case 4: Tile<TVector, TPanel, Rows4>(a, b, bias, c, k, accumulate); break;
            case 5: Tile<TVector, TPanel, Rows5>(a, b, bias, c, k, accumulate); break;
            case 6: Tile<TVector, TPanel, Rows6>(a, b, bias, c, k, accumulate); break;
            case 7: Tile<TVector, TPanel, Rows7>(a, b, bias, c, k, accumulate); break;
            case 8: Tile<TVector, TPanel, Rows8>(a, b, bias, c, k, accumulate); break;
            case 9: Tile<TVector, TPanel, Rows9>(a, b, bias, c, k, accumulate); break;
            case 10: Tile<TVector, TPanel, Rows10>(a, b, bias, c, k, accumulate); break;
            case 11: Tile<TVector, TPanel, Rows11>(a, b, bias, c, k, accumulate); break;
            case 12: Tile<TVector, TPanel, Rows12>(a, b, bias, c, k, accumulate); break;
            case 13: Tile<TVector, TPanel, Rows13>(a, b, bias, c, k, accumulate); break;
            case 14: Tile<TVector, TPanel, Rows14>(a, b, bias, c, k, accumulate); break;
        }
    }

    /// <summary>
    /// Computes one register tile: TRows x 2 accumulators over all of k, or TRows x 1 where only a panel's first vector
    /// is wanted. The branches on TRows and TPanel are constants for the JIT.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Tile<TVector, TPanel, TRows>(float* a, float* b, float* bias, float* c, int k, bool accumulate)
        where TVector : unmanaged, IFloatVector<TVector>
        where TPanel : struct, IPanelVectors
        where TRows : struct, IRowCount
    {
        int stride = 2 * TVector.Count;
        TVector c0L = TVector.Zero, c0R = TVector.Zero;
        TVector c1L = TVector.Zero, c1R = TVector.Zero;
        TVector c2L = TVector.Zero, c2R = TVector.Zero;
        TVector c3L = TVector.Zero, c3R = TVector.Zero;
        TVector c4L = TVector.Zero, c4R = TVector.Zero;
        TVector c5L = TVector.Zero, c5R = TVector.Zero;
        TVector c6L = TVector.Zero, c6R = TVector.Zero;
        TVector c7L = TVector.Zero, c7R = TVector.Zero;
        TVector c8L = TVector.Zero, c8R = TVector.Zero;
        TVector c9L = TVector.Zero, c9R = TVector.Zero;
        TVector c10L = TVector.Zero, c10R = TVector.Zero;
        TVector c11L = TVector.Zero, c11R = TVector.Zero;
        TVector c12L = TVector.Zero, c12R = TVector.Zero;
        TVector c13L = TVector.Zero, c13R = TVector.Zero;
        for (float* end = a + k; a < end; a++, b += stride)
        {
            if (Sse.IsSupported)
                Prefetch<TVector>(b);
            TVector bL = TVector.Load(b), bR = TPanel.HasSecond ? TVector.Load(b + TVector.Count) : TVector.Zero, x;
            x = TVector.Create(a[0 * BlockSize]);
            c0L = TVector.MultiplyAdd(x, bL, c0L);
            if (TPanel.HasSecond) c0R = TVector.MultiplyAdd(x, bR, c0R);
            if (TRows.Count > 1)
            {
                x = TVector.Create(a[1 * BlockSize]);
                c1L = TVector.MultiplyAdd(x, bL, c1L);
                if (TPanel.HasSecond) c1R = TVector.MultiplyAdd(x, bR, c1R);
            }

            if (TRows.Count > 2)
            {
                x = TVector.Create(a[2 * BlockSize]);
                c2L = TVector.MultiplyAdd(x, bL, c2L);
                if (TPanel.HasSecond) c2R = TVector.MultiplyAdd(x, bR, c2R);
            }

            if (TRows.Count > 3)
            {
                x = TVector.Create(a[3 * BlockSize]);
                c3L = TVector.MultiplyAdd(x, bL, c3L);
                if (TPanel.HasSecond) c3R = TVector.MultiplyAdd(x, bR, c3R);
            }

            if (TRows.Count > 4)
            {
                x = TVector.Create(a[4 * BlockSize]);
                c4L = TVector.MultiplyAdd(x, bL, c4L);
                if (TPanel.HasSecond) c4R = TVector.MultiplyAdd(x, bR, c4R);
            }

            if (TRows.Count > 5)
            {
                x = TVector.Create(a[5 * BlockSize]);
                c5L = TVector.MultiplyAdd(x, bL, c5L);
                if (TPanel.HasSecond) c5R = TVector.MultiplyAdd(x, bR, c5R);
            }

            if (TRows.Count > 6)
            {
                x = TVector.Create(a[6 * BlockSize]);
                c6L = TVector.MultiplyAdd(x, bL, c6L);
                if (TPanel.HasSecond) c6R = TVector.MultiplyAdd(x, bR, c6R);
            }

            if (TRows.Count > 7)
            {
                x = TVector.Create(a[7 * BlockSize]);
                c7L = TVector.MultiplyAdd(x, bL, c7L);
                if (TPanel.HasSecond) c7R = TVector.MultiplyAdd(x, bR, c7R);
            }

            if (TRows.Count > 8)
            {
                x = TVector.Create(a[8 * BlockSize]);
                c8L = TVector.MultiplyAdd(x, bL, c8L);
                if (TPanel.HasSecond) c8R = TVector.MultiplyAdd(x, bR, c8R);
            }

            if (TRows.Count > 9)
            {
                x = TVector.Create(a[9 * BlockSize]);
                c9L = TVector.MultiplyAdd(x, bL, c9L);
                if (TPanel.HasSecond) c9R = TVector.MultiplyAdd(x, bR, c9R);
            }

            if (TRows.Count > 10)
            {
                x = TVector.Create(a[10 * BlockSize]);
                c10L = TVector.MultiplyAdd(x, bL, c10L);
                if (TPanel.HasSecond) c10R = TVector.MultiplyAdd(x, bR, c10R);
            }

            if (TRows.Count > 11)
            {
                x = TVector.Create(a[11 * BlockSize]);
                c11L = TVector.MultiplyAdd(x, bL, c11L);
                if (TPanel.HasSecond) c11R = TVector.MultiplyAdd(x, bR, c11R);
            }

            if (TRows.Count > 12)
            {
                x = TVector.Create(a[12 * BlockSize]);
                c12L = TVector.MultiplyAdd(x, bL, c12L);
                if (TPanel.HasSecond) c12R = TVector.MultiplyAdd(x, bR, c12R);
            }

            if (TRows.Count > 13)
            {
                x = TVector.Create(a[13 * BlockSize]);
                c13L = TVector.MultiplyAdd(x, bL, c13L);
                if (TPanel.HasSecond) c13R = TVector.MultiplyAdd(x, bR, c13R);
            }

        }

        if (bias != null)
        {
            TVector bL = TVector.Load(bias), bR = TPanel.HasSecond ? TVector.Load(bias + TVector.Count) : TVector.Zero;
            { c0L += bL; c0R += bR; }
            if (TRows.Count > 1)
            {
                c1L += bL;
                c1R += bR;
            }

            if (TRows.Count > 2)
            {
                c2L += bL;
                c2R += bR;
            }

            if (TRows.Count > 3)
            {
                c3L += bL;
                c3R += bR;
            }

            if (TRows.Count > 4)
            {
                c4L += bL;
                c4R += bR;
            }

            if (TRows.Count > 5)
            {
                c5L += bL;
                c5R += bR;
            }

            if (TRows.Count > 6)
            {
                c6L += bL;
                c6R += bR;
            }

            if (TRows.Count > 7)
            {
                c7L += bL;
                c7R += bR;
            }

            if (TRows.Count > 8)
            {
                c8L += bL;
                c8R += bR;
            }

            if (TRows.Count > 9)
            {
                c9L += bL;
                c9R += bR;
            }

            if (TRows.Count > 10)
            {
                c10L += bL;
                c10R += bR;
            }

            if (TRows.Count > 11)
            {
                c11L += bL;
                c11R += bR;
            }

            if (TRows.Count > 12)
            {
                c12L += bL;
                c12R += bR;
            }

            if (TRows.Count > 13)
            {
                c13L += bL;
                c13R += bR;
            }

        }

        Finish<TVector, TPanel>(c + 0 * BlockSize, c0L, c0R, accumulate);
        if (TRows.Count > 1) Finish<TVector, TPanel>(c + 1 * BlockSize, c1L, c1R, accumulate);
        if (TRows.Count > 2) Finish<TVector, TPanel>(c + 2 * BlockSize, c2L, c2R, accumulate);
        if (TRows.Count > 3) Finish<TVector, TPanel>(c + 3 * BlockSize, c3L, c3R, accumulate);
        if (TRows.Count > 4) Finish<TVector, TPanel>(c + 4 * BlockSize, c4L, c4R, accumulate);
        if (TRows.Count > 5) Finish<TVector, TPanel>(c + 5 * BlockSize, c5L, c5R, accumulate);
        if (TRows.Count > 6) Finish<TVector, TPanel>(c + 6 * BlockSize, c6L, c6R, accumulate);
        if (TRows.Count > 7) Finish<TVector, TPanel>(c + 7 * BlockSize, c7L, c7R, accumulate);
        if (TRows.Count > 8) Finish<TVector, TPanel>(c + 8 * BlockSize, c8L, c8R, accumulate);
        if (TRows.Count > 9) Finish<TVector, TPanel>(c + 9 * BlockSize, c9L, c9R, accumulate);
        if (TRows.Count > 10) Finish<TVector, TPanel>(c + 10 * BlockSize, c10L, c10R, accumulate);
        if (TRows.Count > 11) Finish<TVector, TPanel>(c + 11 * BlockSize, c11L, c11R, accumulate);
        if (TRows.Count > 12) Finish<TVector, TPanel>(c + 12 * BlockSize, c12L, c12R, accumulate);
        if (TRows.Count > 13) Finish<TVector, TPanel>(c + 13 * BlockSize, c13L, c13R, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TVector, TPanel>(float* c, TVector left, TVector right, bool accumulate)
        where TVector : unmanaged, IFloatVector<TVector>
        where TPanel : struct, IPanelVectors
    {
        TVector.Store(accumulate ? TVector.Load(c) + left : left, c);
        if (TPanel.HasSecond)
            TVector.Store(accumulate ? TVector.Load(c + TVector.Count) + right : right, c + TVector.Count);
    }

    /// <summary>Prefetches one cache line of 64 bytes for every 16 floats of a packed weight row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch<TVector>(float* b)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        Sse.Prefetch0(b + PrefetchRows * 2 * TVector.Count);
        if (TVector.Count == 16)
            Sse.Prefetch0(b + PrefetchRows * 2 * TVector.Count + 16);
    }
}
