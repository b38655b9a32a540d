using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// The lines that a thread copies to shared memory: rows of a, or rows of b, which are columns of the product. It has
/// one or two lines, the same for every slice of k.
/// </summary>
internal readonly struct TileLines
{
    public TileLines(ArrayView<float> values, ArrayView<Quad> quads, long start0, long start1)
    {
        Values = values;
        Quads = quads;
        Start0 = start0;
        Start1 = start1;
    }

    public ArrayView<float> Values { get; }

    /// <summary>The same memory as quads.</summary>
    public ArrayView<Quad> Quads { get; }

    /// <summary>
    /// Where the first line starts in Values. Negative for a line past the end, which counts as zeros.
    /// </summary>
    public long Start0 { get; }

    public long Start1 { get; }
}

/// <summary>
/// One tile of a @ b^T for a group, computed one slice of k at a time. While a slice is multiplied, the next one
/// travels from global memory into registers. It is then stored to the other of two buffers, so that a slice costs one
/// barrier. Every tile shape sums over k from 0 up, so a value does not depend on the shape.
/// </summary>
/// <remarks>
/// Shared memory holds As as [buffer][k][row] and Bs as [buffer][k][column]. A thread reads its rows and columns of one
/// k as quads: rows 4y to 4y + 3 and, with two quads, as many again from 4 * Side on. Lines of shared memory are one
/// quad longer than the tile. The transposing stores of a warp then fall on all 32 banks (Depth 8) or on 16 of them
/// (Depth 16), and the loads of a quarter warp are neighboring quads or a broadcast.
/// </remarks>
internal static class TileProduct
{
    /// <summary>Quads of shared memory for As.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int AsLength<TTile>()
        where TTile : struct, ITileShape => 2 * TTile.Depth * (TTile.RowQuads * TTile.Side + 1);

    /// <summary>Quads of shared memory for Bs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int BsLength<TTile>()
        where TTile : struct, ITileShape => 2 * TTile.Depth * (TTile.ColumnQuads * TTile.Side + 1);

    /// <summary>The line of the tile that this thread loads first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FirstLine<TTile>()
        where TTile : struct, ITileShape => Thread<TTile>() / (TTile.Depth / 4);

    /// <summary>The distance from a thread's first line to its second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LineStep<TTile>()
        where TTile : struct, ITileShape => TTile.Side * TTile.Side / (TTile.Depth / 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Thread<TTile>()
        where TTile : struct, ITileShape => Group.IdxY * TTile.Side + Group.IdxX;

    /// <summary>
    /// Multiplies a tile. The whole group must call it. As and Bs are free for other use when it returns.
    /// </summary>
    /// <param name="a">This thread's lines of a.</param>
    /// <param name="b">This thread's lines of b.</param>
    /// <param name="depth">K</param>
    /// <param name="aligned">Whether K and every start are multiples of 4.</param>
    /// <param name="As">Shared memory of <see cref="AsLength"/> quads.</param>
    /// <param name="Bs">Shared memory of <see cref="BsLength"/> quads.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RegisterBlock Multiply<TTile>(TileLines a, TileLines b, int depth, bool aligned, ArrayView<Quad> As, ArrayView<Quad> Bs)
        where TTile : struct, ITileShape
    {
        int aStride = TTile.RowQuads * TTile.Side + 1;
        int bStride = TTile.ColumnQuads * TTile.Side + 1;
        bool twoOfA = TTile.RowQuads * TTile.Depth > TTile.Side;
        bool twoOfB = TTile.ColumnQuads * TTile.Depth > TTile.Side;
        ArrayView<float> aScalars = As.Cast<float>();
        ArrayView<float> bScalars = Bs.Cast<float>();

        // This thread's place in a slice: quad k of its lines, and its transposed target in shared memory.
        int quad = (Thread<TTile>() & (TTile.Depth / 4 - 1)) * 4;
        int aTarget = quad * aStride * 4 + FirstLine<TTile>();
        int bTarget = quad * bStride * 4 + FirstLine<TTile>();

        // Load the first slice.
        Quad a0 = Load(a, a.Start0, quad, depth, aligned);
        Quad a1 = twoOfA ? Load(a, a.Start1, quad, depth, aligned) : default;
        Quad b0 = Load(b, b.Start0, quad, depth, aligned);
        Quad b1 = twoOfB ? Load(b, b.Start1, quad, depth, aligned) : default;
        var sums = default(RegisterBlock);
        int buffer = 0;
        for (int k0 = 0; k0 < depth; k0 += TTile.Depth)
        {
            // Store the slice that has arrived, transposed.
            int aBuffer = buffer * TTile.Depth * aStride;
            int bBuffer = buffer * TTile.Depth * bStride;
            StoreTransposed(aScalars, aBuffer * 4 + aTarget, aStride * 4, a0);
            if (twoOfA)
                StoreTransposed(aScalars, aBuffer * 4 + aTarget + LineStep<TTile>(), aStride * 4, a1);
            StoreTransposed(bScalars, bBuffer * 4 + bTarget, bStride * 4, b0);
            if (twoOfB)
                StoreTransposed(bScalars, bBuffer * 4 + bTarget + LineStep<TTile>(), bStride * 4, b1);

            // One barrier is enough. A thread that runs ahead writes to the other buffer, and it reaches this buffer
            // again only after the next barrier.
            Group.Barrier();

            // Load the next slice. Past the last one this reads nothing.
            int next = k0 + TTile.Depth + quad;
            a0 = Load(a, a.Start0, next, depth, aligned);
            a1 = twoOfA ? Load(a, a.Start1, next, depth, aligned) : default;
            b0 = Load(b, b.Start0, next, depth, aligned);
            b1 = twoOfB ? Load(b, b.Start1, next, depth, aligned) : default;

            // Multiply: C += As^T Bs over this slice, four values of k per round. Indices of 64 bits fold into
            // addresses; those of 32 bits do not.
            long aIndex = aBuffer + Group.IdxY;
            long bIndex = bBuffer + Group.IdxX;
            for (int k = 0; k < TTile.Depth; k += 4)
            {
                Step<TTile>(As, aIndex, Bs, bIndex, ref sums);
                Step<TTile>(As, aIndex + aStride, Bs, bIndex + bStride, ref sums);
                Step<TTile>(As, aIndex + 2 * aStride, Bs, bIndex + 2 * bStride, ref sums);
                Step<TTile>(As, aIndex + 3 * aStride, Bs, bIndex + 3 * bStride, ref sums);
                aIndex += 4 * aStride;
                bIndex += 4 * bStride;
            }

            buffer = 1 - buffer;
        }

        Group.Barrier();
        return sums;
    }

    /// <summary>C += a b^T for one line of each of two staged inputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Step<TTile>(ArrayView<Quad> As, long aIndex, ArrayView<Quad> Bs, long bIndex, ref RegisterBlock sums)
        where TTile : struct, ITileShape
    {
        Quad a0 = As[aIndex];
        Quad a1 = TTile.RowQuads > 1 ? As[aIndex + TTile.Side] : default;
        Quad b0 = Bs[bIndex];
        Quad b1 = TTile.ColumnQuads > 1 ? Bs[bIndex + TTile.Side] : default;
        sums.MultiplyAdd<TTile>(a0, a1, b0, b1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Quad Load(TileLines lines, long start, int k, int depth, bool aligned) =>
        Quad.Load(lines.Values, lines.Quads, start + k, start < 0 ? 0 : depth - k, aligned);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTransposed(ArrayView<float> target, int index, int stride, Quad value)
    {
        target[index] = value.X;
        target[index + stride] = value.Y;
        target[index + 2 * stride] = value.Z;
        target[index + 3 * stride] = value.W;
    }
}
