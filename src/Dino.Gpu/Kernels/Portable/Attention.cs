using System.Runtime.CompilerServices;
using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// Sizes of an attention. qkv is (images * tokens, 3 * heads * headSize): queries first, then keys, then values.
/// Kernels that read no values also take (images * tokens, 2 * heads * headSize) without them.
/// </summary>
internal readonly struct AttentionShape
{
    public AttentionShape(int tokenCount, int queryCount, int headCount, int headSize, int firstQuery = 0, int parts = 3)
    {
        FirstQuery = firstQuery;
        RowStride = parts * headCount * headSize;
        TokenCount = tokenCount;
        QueryCount = queryCount;
        HeadCount = headCount;
        HeadSize = headSize;
        Scale = 1f / MathF.Sqrt(headSize);
        Aligned = headSize % 4 == 0 ? 1 : 0;
    }

    /// <summary>Keys and values of an image.</summary>
    public int TokenCount { get; }

    /// <summary>
    /// Queries of an image: all tokens, or 1 for the class token alone. For scores it can be any number.
    /// </summary>
    public int QueryCount { get; }

    /// <summary>Token of the first query; always 0 except for scores.</summary>
    public int FirstQuery { get; }

    /// <summary>Values from one token's row to the next.</summary>
    public int RowStride { get; }

    public int HeadCount { get; }

    public int HeadSize { get; }

    /// <summary>1 / sqrt(head size)</summary>
    public float Scale { get; }

    /// <summary>1 if every head's rows can be read and written 16 bytes at a time, else 0.</summary>
    public int Aligned { get; }

    public int Hidden => HeadCount * HeadSize;
}

/// <summary>
/// Attention that keeps its scores on chip. Each group takes a tile of queries of one head and image and walks over
/// tiles of keys. The softmax is corrected during the walk (online softmax), so no row of scores is ever stored. Let m
/// be the maximum so far, l = sum exp(s - m) and o = sum exp(s - m) v. When the maximum becomes m', l and o are
/// multiplied by exp(m - m'). The head size is free: scores sum over it slice by slice, and outputs wider than a tile
/// are split over groups.
/// </summary>
/// <remarks>
/// The shapes in use have one quad of columns, because a score block and an output block of 8x4 share a thread's
/// registers. The arithmetic of a row depends on the columns of the shape (how many keys a step takes), not on its
/// rows. So shapes that differ only in rows give the same bytes.
/// </remarks>
internal static class Attention
{
    /// <summary>Below every score, and far enough from overflow to subtract another score from it.</summary>
    private const float Masked = -1e30f;

    /// <summary>
    /// context (images * tokens, hidden) = softmax(q k^T * scale) v. Grid: (query tiles, heads * output tiles of a
    /// head, images).
    /// </summary>
    public static void Kernel<TTile>(ArrayView<float> qkv, AttentionShape shape, ArrayView<float> context)
        where TTile : struct, IAttentionTile
    {
        // A step uses Ps three times: for slices of queries, twice Depth lines; for row maxima, (thread x, query quad);
        // and for powers, (key, query quad).
        ArrayView<Quad> Ps = SharedMemory.Allocate<Quad>(4 * TTile.Side * (TTile.RowQuads * TTile.Side + 1));
        ArrayView<Quad> Bs = SharedMemory.Allocate<Quad>(TileProduct.BsLength<TTile>());

        // Maxima and sums of the queries so far wait here while scores are multiplied: in registers they would leave
        // room for one group a multiprocessor instead of two. Maxima lie in two places in turn, because one is read
        // where the other is written. Each is written by the threads of column 0 and read by all.
        ArrayView<Quad> maxima = SharedMemory.Allocate<Quad>(2 * TTile.RowQuads * TTile.Side);
        ArrayView<Quad> totals = SharedMemory.Allocate<Quad>(TTile.RowQuads * TTile.Side);
        int x = Group.IdxX;
        int y = Group.IdxY;
        int stride = TTile.RowQuads * TTile.Side + 1;
        int keyTile = 4 * TTile.Side;
        int turn = 0;
        if (x == 0)
        {
            StoreRows<TTile>(maxima, y, Quad.Of(Masked), Quad.Of(Masked));
            StoreRows<TTile>(totals, y, default, default);
        }

        // The head, the output columns and the queries of this group.
        int outputTiles = (shape.HeadSize + keyTile - 1) / keyTile;
        int head = Grid.IdxY / outputTiles;
        int firstColumn = Grid.IdxY % outputTiles * keyTile;
        int firstQuery = Grid.IdxX * (4 * TTile.RowQuads * TTile.Side);
        long start = (long)Grid.IdxZ * shape.TokenCount * 3 * shape.Hidden + head * shape.HeadSize;
        bool aligned = shape.Aligned != 0;
        ArrayView<Quad> quads = qkv.Cast<Quad>();
        TileLines queries = Lines<TTile>(qkv, quads, shape, start, firstQuery, shape.QueryCount);

        var output = default(RegisterBlock);
        for (int firstKey = 0; firstKey < shape.TokenCount; firstKey += keyTile)
        {
            // Compute the scores of this tile of keys.
            TileLines keys = Lines<TTile>(qkv, quads, shape, start + shape.Hidden, firstKey, shape.TokenCount);
            RegisterBlock s = TileProduct.Multiply<TTile>(queries, keys, shape.HeadSize, aligned, Ps, Bs);
            int keysLeft = shape.TokenCount - firstKey - 4 * x;
            ScaleAndMask(ref s.C00, shape.Scale, keysLeft);
            ScaleAndMask(ref s.C10, shape.Scale, keysLeft);

            // Row maxima: each thread stores those of its four keys, then reads those of its rows.
            Ps[x * stride + y] = RowMax(s.C00);
            if (TTile.RowQuads > 1)
                Ps[x * stride + y + TTile.Side] = RowMax(s.C10);
            Group.Barrier();
            int before = turn * TTile.RowQuads * TTile.Side + y;
            turn = 1 - turn;
            Quad oldMax0 = maxima[before];
            Quad oldMax1 = TTile.RowQuads > 1 ? maxima[before + TTile.Side] : default;
            Quad max0 = oldMax0, max1 = oldMax1;
            for (int i = 0; i < TTile.Side; i++)
            {
                max0 = Quad.Max(max0, Ps[i * stride + y]);
                if (TTile.RowQuads > 1)
                    max1 = Quad.Max(max1, Ps[i * stride + y + TTile.Side]);
            }

            if (x == 0)
                StoreRows<TTile>(maxima, turn * TTile.RowQuads * TTile.Side + y, max0, max1);

            // Correct the sums for the new maxima.
            Quad correction0 = Quad.ExpOfDifference(oldMax0, max0);
            Quad correction1 = TTile.RowQuads > 1 ? Quad.ExpOfDifference(oldMax1, max1) : default;
            output.ScaleRows<TTile>(correction0, correction1);
            Quad sum0 = Quad.Multiply(totals[y], correction0);
            Quad sum1 = TTile.RowQuads > 1 ? Quad.Multiply(totals[y + TTile.Side], correction1) : default;

            // Store the powers for the threads that own other output columns of these queries, after all threads have
            // read the maxima.
            Group.Barrier();
            StorePowers(s.C00, max0, Ps, 4 * x * stride + y, stride);
            if (TTile.RowQuads > 1)
                StorePowers(s.C10, max1, Ps, 4 * x * stride + y + TTile.Side, stride);

            // o += P V, one slice of keys at a time. Bs now holds values as [buffer][key][column]: two slices that take
            // turns, as in TileProduct.
            int live = shape.TokenCount - firstKey < keyTile ? shape.TokenCount - firstKey : keyTile;
            int line = TileProduct.Thread<TTile>() / TTile.Side;
            Quad values = LoadValues(qkv, quads, shape, start + 2 * shape.Hidden, firstKey + line, firstColumn + 4 * x);
            int buffer = 0;
            for (int key0 = 0; key0 < live; key0 += TTile.Depth)
            {
                int bBuffer = buffer * TTile.Depth * (TTile.Side + 1);
                Bs[bBuffer + line * (TTile.Side + 1) + x] = values;
                Group.Barrier();
                values = LoadValues(qkv, quads, shape, start + 2 * shape.Hidden, firstKey + key0 + TTile.Depth + line, firstColumn + 4 * x);
                long aIndex = key0 * stride + y;
                long bIndex = bBuffer + x;
                for (int key = 0; key < TTile.Depth; key += 4)
                {
                    AddValue<TTile>(Ps, aIndex, Bs[bIndex], ref output, ref sum0, ref sum1);
                    AddValue<TTile>(Ps, aIndex + stride, Bs[bIndex + TTile.Side + 1], ref output, ref sum0, ref sum1);
                    AddValue<TTile>(Ps, aIndex + 2 * stride, Bs[bIndex + 2 * (TTile.Side + 1)], ref output, ref sum0, ref sum1);
                    AddValue<TTile>(Ps, aIndex + 3 * stride, Bs[bIndex + 3 * (TTile.Side + 1)], ref output, ref sum0, ref sum1);
                    aIndex += 4 * stride;
                    bIndex += 4 * (TTile.Side + 1);
                }

                buffer = 1 - buffer;
            }

            if (x == 0)
                StoreRows<TTile>(totals, y, sum0, sum1);
            Group.Barrier();
        }

        // context = o / l
        output.ScaleRows<TTile>(Inverse(totals[y]), TTile.RowQuads > 1 ? Inverse(totals[y + TTile.Side]) : default);
        long target = (long)Grid.IdxZ * shape.TokenCount * shape.Hidden + head * shape.HeadSize;
        int column = firstColumn + 4 * x;
        int query = firstQuery + 4 * y;
        StoreTile(context, target, shape.Hidden, query, shape.QueryCount, column, shape.HeadSize, aligned, output.C00);
        if (TTile.RowQuads > 1)
            StoreTile(context, target, shape.Hidden, query + 4 * TTile.Side, shape.QueryCount, column, shape.HeadSize, aligned, output.C10);
    }

    /// <summary>
    /// scores (images, heads, queries, tokens) = q k^T * scale, for requests that keep the attention itself. Softmax
    /// turns them into probabilities. Grid: (key tiles, query tiles, images * heads).
    /// </summary>
    public static void ScoresKernel<TTile>(ArrayView<float> qkv, AttentionShape shape, ArrayView<float> scores)
        where TTile : struct, IAttentionTile
    {
        ArrayView<Quad> As = SharedMemory.Allocate<Quad>(TileProduct.AsLength<TTile>());
        ArrayView<Quad> Bs = SharedMemory.Allocate<Quad>(TileProduct.BsLength<TTile>());
        int tokens = shape.TokenCount;
        int firstQuery = Grid.IdxY * (4 * TTile.RowQuads * TTile.Side);
        int firstKey = Grid.IdxX * (4 * TTile.Side);
        int image = Grid.IdxZ / shape.HeadCount;
        int head = Grid.IdxZ % shape.HeadCount;
        long start = (long)image * tokens * shape.RowStride + head * shape.HeadSize;
        ArrayView<Quad> quads = qkv.Cast<Quad>();
        TileLines queries = Lines<TTile>(qkv, quads, shape, start + (long)shape.FirstQuery * shape.RowStride, firstQuery, shape.QueryCount);
        TileLines keys = Lines<TTile>(qkv, quads, shape, start + shape.Hidden, firstKey, tokens);
        RegisterBlock s = TileProduct.Multiply<TTile>(queries, keys, shape.HeadSize, shape.Aligned != 0, As, Bs);

        s.ScaleRows<TTile>(Quad.Of(shape.Scale), Quad.Of(shape.Scale));
        long target = (long)Grid.IdxZ * shape.QueryCount * tokens;
        int key = firstKey + 4 * Group.IdxX;
        int query = firstQuery + 4 * Group.IdxY;
        bool aligned = tokens % 4 == 0;
        StoreTile(scores, target, tokens, query, shape.QueryCount, key, tokens, aligned, s.C00);
        if (TTile.RowQuads > 1)
            StoreTile(scores, target, tokens, query + 4 * TTile.Side, shape.QueryCount, key, tokens, aligned, s.C10);
    }

    /// <summary>Stores a value for each of a thread's rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRows<TTile>(ArrayView<Quad> rows, int index, Quad values0, Quad values1)
        where TTile : struct, IAttentionTile
    {
        rows[index] = values0;
        if (TTile.RowQuads > 1)
            rows[index + TTile.Side] = values1;
    }

    /// <summary>The rows of a tile of queries or keys that this thread loads.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TileLines Lines<TTile>(
        ArrayView<float> qkv, ArrayView<Quad> quads, AttentionShape shape, long start, int firstToken, int tokenCount)
        where TTile : struct, IAttentionTile
    {
        int token0 = firstToken + TileProduct.FirstLine<TTile>();
        int token1 = token0 + TileProduct.LineStep<TTile>();
        return new TileLines(
            qkv,
            quads,
            token0 < tokenCount ? start + (long)token0 * shape.RowStride : -1,
            token1 < tokenCount ? start + (long)token1 * shape.RowStride : -1);
    }

    /// <summary>output += powers of a key * its values, and the sums of the powers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddValue<TTile>(
        ArrayView<Quad> powers, long index, Quad values, ref RegisterBlock output, ref Quad sum0, ref Quad sum1)
        where TTile : struct, IAttentionTile
    {
        Quad p0 = powers[index];
        Quad p1 = TTile.RowQuads > 1 ? powers[index + TTile.Side] : default;
        sum0 = Quad.Add(sum0, p0);
        sum1 = Quad.Add(sum1, p1);
        output.MultiplyAdd<TTile>(p0, p1, values, default);
    }

    /// <summary>Loads a quad of one key's values; zeros past the last key or column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Quad LoadValues(ArrayView<float> qkv, ArrayView<Quad> quads, AttentionShape shape, long start, int key, int column) =>
        Quad.Load(
            qkv,
            quads,
            start + (long)key * 3 * shape.Hidden + column,
            key < shape.TokenCount ? shape.HeadSize - column : 0,
            shape.Aligned != 0);

    /// <summary>Scales scores. Scores of keys past the last become so low that their power is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ScaleAndMask(ref RegisterTile s, float scale, int keysLeft)
    {
        s.R0 = ScaleAndMask(s.R0, scale, keysLeft);
        s.R1 = ScaleAndMask(s.R1, scale, keysLeft);
        s.R2 = ScaleAndMask(s.R2, scale, keysLeft);
        s.R3 = ScaleAndMask(s.R3, scale, keysLeft);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Quad ScaleAndMask(Quad s, float scale, int keysLeft) => new(
        keysLeft > 0 ? s.X * scale : Masked,
        keysLeft > 1 ? s.Y * scale : Masked,
        keysLeft > 2 ? s.Z * scale : Masked,
        keysLeft > 3 ? s.W * scale : Masked);

    /// <summary>The maximum of each of four rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Quad RowMax(RegisterTile s) => new(Max(s.R0), Max(s.R1), Max(s.R2), Max(s.R3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Max(Quad s) => MaxReduction.Combine(MaxReduction.Combine(s.X, s.Y), MaxReduction.Combine(s.Z, s.W));

    /// <summary>Stores exp(s - max): one quad of four queries for each of four keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePowers(RegisterTile s, Quad max, ArrayView<Quad> powers, int index, int stride)
    {
        powers[index] = Quad.ExpOfDifference(new Quad(s.R0.X, s.R1.X, s.R2.X, s.R3.X), max);
        powers[index + stride] = Quad.ExpOfDifference(new Quad(s.R0.Y, s.R1.Y, s.R2.Y, s.R3.Y), max);
        powers[index + 2 * stride] = Quad.ExpOfDifference(new Quad(s.R0.Z, s.R1.Z, s.R2.Z, s.R3.Z), max);
        powers[index + 3 * stride] = Quad.ExpOfDifference(new Quad(s.R0.W, s.R1.W, s.R2.W, s.R3.W), max);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Quad Inverse(Quad value) => new(1f / value.X, 1f / value.Y, 1f / value.Z, 1f / value.W);

    private static void StoreTile(
        ArrayView<float> target,
        long start,
        int stride,
        int row,
        int rowCount,
        int column,
        int columnCount,
        bool aligned,
        RegisterTile values)
    {
        ArrayView<Quad> quads = target.Cast<Quad>();
        long index = start + (long)row * stride + column;
        int count = columnCount - column;
        Quad.Store(target, quads, index, row < rowCount ? count : 0, aligned, values.R0);
        Quad.Store(target, quads, index + stride, row + 1 < rowCount ? count : 0, aligned, values.R1);
        Quad.Store(target, quads, index + 2L * stride, row + 2 < rowCount ? count : 0, aligned, values.R2);
        Quad.Store(target, quads, index + 3L * stride, row + 3 < rowCount ? count : 0, aligned, values.R3);
    }
}
