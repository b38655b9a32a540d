using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Sizes of an attention: qkv is (images * tokens, 3 * heads * headSize), queries first, then keys, then values.</summary>
internal readonly struct AttentionShape
{
    public AttentionShape(int tokenCount, int queryCount, int headCount, int headSize)
    {
        TokenCount = tokenCount;
        QueryCount = queryCount;
        HeadCount = headCount;
        HeadSize = headSize;
        Scale = 1f / MathF.Sqrt(headSize);
    }

    /// <summary>Keys and values of an image.</summary>
    public int TokenCount { get; }

    /// <summary>Queries of an image, from token 0: all of them, or 1 for the class token alone.</summary>
    public int QueryCount { get; }

    public int HeadCount { get; }

    public int HeadSize { get; }

    /// <summary>1 / sqrt(head size)</summary>
    public float Scale { get; }

    public int Hidden => HeadCount * HeadSize;
}

/// <summary>
/// Attention with the scores kept on chip. Each group takes a tile of queries of one head and image and walks over tiles of keys; the softmax
/// is corrected as the walk goes on (online softmax), so no row of scores is ever stored:
/// with m the maximum so far, l = sum exp(s - m) and o = sum exp(s - m) v, both are multiplied by exp(m - m') when the maximum
/// becomes m'. Any head size: scores sum over it slice by slice, and outputs wider than a tile are split over groups.
/// </summary>
internal static class Attention
{
    /// <summary>Below every score, and far from overflow when another is taken off.</summary>
    private const float Masked = -1e30f;

    /// <summary>context (images * tokens, hidden) = softmax(q k^T * scale) v. Grid: (query tiles, heads * output tiles of a head, images).</summary>
    public static void Kernel<TTile>(ArrayView<float> qkv, AttentionShape shape, ArrayView<float> context)
        where TTile : struct, ITileShape
    {
        ArrayView<float> As = SharedMemory.Allocate<float>(TTile.Depth * (RegisterTile.Size * TTile.Side + 1));
        ArrayView<float> Bs = SharedMemory.Allocate<float>(TTile.Depth * (RegisterTile.Size * TTile.Side + 1));
        ArrayView<float> Ps = SharedMemory.Allocate<float>(RegisterTile.Size * TTile.Side * (RegisterTile.Size * TTile.Side + 1)); // (query, key)
        ArrayView<float> rowMax = SharedMemory.Allocate<float>(RegisterTile.Size * TTile.Side * TTile.Side); // (query, thread x)
        ArrayView<int> queryRows = SharedMemory.Allocate<int>(RegisterTile.Size * TTile.Side);
        int tileSize = RegisterTile.Size * TTile.Side;
        int stride = tileSize + 1;
        int x = Group.IdxX;
        int y = Group.IdxY;
        int thread = y * TTile.Side + x;

        // Which head, which of its output columns, which queries.
        int hidden = shape.Hidden;
        int outputTiles = (shape.HeadSize + tileSize - 1) / tileSize;
        int head = Grid.IdxY / outputTiles;
        int firstColumn = Grid.IdxY % outputTiles * tileSize;
        int firstQuery = Grid.IdxX * tileSize;
        long imageRow = (long)Grid.IdxZ * shape.TokenCount;
        ArrayView<float> q = qkv.SubView(imageRow * 3 * hidden + head * shape.HeadSize);
        ArrayView<float> k = q.SubView(hidden);
        ArrayView<float> v = q.SubView(2 * hidden);
        for (int i = thread; i < tileSize; i += TTile.Side * TTile.Side)
            queryRows[i] = firstQuery + i < shape.QueryCount ? firstQuery + i : -1;
        Group.Barrier();

        var output = default(RegisterTile);
        float max0 = Masked, max1 = Masked, max2 = Masked, max3 = Masked;
        float sum0 = 0f, sum1 = 0f, sum2 = 0f, sum3 = 0f;
        for (int firstKey = 0; firstKey < shape.TokenCount; firstKey += tileSize)
        {
            // Scores of this tile of keys.
            RegisterTile s = Gemm.Product<TTile>(q, 3 * hidden, queryRows, k, 3 * hidden, firstKey, shape.TokenCount, shape.HeadSize, As, Bs);
            ScaleAndMask<TTile>(ref s, shape.Scale, firstKey + x, shape.TokenCount);

            // Row maxima: each thread leaves that of its four keys, then reads those of its row.
            rowMax[y * TTile.Side + x] = Max(s.C00, s.C01, s.C02, s.C03);
            rowMax[(y + TTile.Side) * TTile.Side + x] = Max(s.C10, s.C11, s.C12, s.C13);
            rowMax[(y + 2 * TTile.Side) * TTile.Side + x] = Max(s.C20, s.C21, s.C22, s.C23);
            rowMax[(y + 3 * TTile.Side) * TTile.Side + x] = Max(s.C30, s.C31, s.C32, s.C33);
            Group.Barrier();
            float newMax0 = max0, newMax1 = max1, newMax2 = max2, newMax3 = max3;
            for (int i = 0; i < TTile.Side; i++)
            {
                newMax0 = MaxReduction.Combine(newMax0, rowMax[y * TTile.Side + i]);
                newMax1 = MaxReduction.Combine(newMax1, rowMax[(y + TTile.Side) * TTile.Side + i]);
                newMax2 = MaxReduction.Combine(newMax2, rowMax[(y + 2 * TTile.Side) * TTile.Side + i]);
                newMax3 = MaxReduction.Combine(newMax3, rowMax[(y + 3 * TTile.Side) * TTile.Side + i]);
            }

            // Correct what was summed under the old maxima.
            float correction0 = ScalarMath.Exp(max0 - newMax0);
            float correction1 = ScalarMath.Exp(max1 - newMax1);
            float correction2 = ScalarMath.Exp(max2 - newMax2);
            float correction3 = ScalarMath.Exp(max3 - newMax3);
            output.ScaleRows(correction0, correction1, correction2, correction3);
            sum0 *= correction0;
            sum1 *= correction1;
            sum2 *= correction2;
            sum3 *= correction3;
            max0 = newMax0;
            max1 = newMax1;
            max2 = newMax2;
            max3 = newMax3;

            // Powers, shared with the threads that own other output columns of these queries.
            StorePowers<TTile>(y * stride + x, s.C00, s.C01, s.C02, s.C03, max0, Ps);
            StorePowers<TTile>((y + TTile.Side) * stride + x, s.C10, s.C11, s.C12, s.C13, max1, Ps);
            StorePowers<TTile>((y + 2 * TTile.Side) * stride + x, s.C20, s.C21, s.C22, s.C23, max2, Ps);
            StorePowers<TTile>((y + 3 * TTile.Side) * stride + x, s.C30, s.C31, s.C32, s.C33, max3, Ps);

            // o += P V, a slice of keys at a time; Bs now holds values as (key, column). Each thread also sums its rows of P.
            for (int key0 = 0; key0 < tileSize && firstKey + key0 < shape.TokenCount; key0 += TTile.Depth)
            {
                for (int i = thread; i < TTile.Depth * tileSize; i += TTile.Side * TTile.Side)
                {
                    int key = firstKey + key0 + i / tileSize;
                    int column = firstColumn + i % tileSize;
                    bool inside = key < shape.TokenCount && column < shape.HeadSize;
                    Bs[i / tileSize * stride + i % tileSize] = inside ? v[(long)key * 3 * hidden + column] : 0f;
                }

                Group.Barrier();
                for (int key = 0; key < TTile.Depth; key++)
                {
                    int p = y * stride + key0 + key;
                    float p0 = Ps[p];
                    float p1 = Ps[p + TTile.Side * stride];
                    float p2 = Ps[p + 2 * TTile.Side * stride];
                    float p3 = Ps[p + 3 * TTile.Side * stride];
                    sum0 += p0;
                    sum1 += p1;
                    sum2 += p2;
                    sum3 += p3;
                    int n = key * stride + x;
                    output.MultiplyAdd(p0, p1, p2, p3, Bs[n], Bs[n + TTile.Side], Bs[n + 2 * TTile.Side], Bs[n + 3 * TTile.Side]);
                }

                Group.Barrier();
            }
        }

        // context = o / l
        output.ScaleRows(1f / sum0, 1f / sum1, 1f / sum2, 1f / sum3);
        ArrayView<float> target = context.SubView(imageRow * hidden + head * shape.HeadSize);
        int first = firstColumn + x;
        StoreRow<TTile>(shape, queryRows[y], first, output.C00, output.C01, output.C02, output.C03, target);
        StoreRow<TTile>(shape, queryRows[y + TTile.Side], first, output.C10, output.C11, output.C12, output.C13, target);
        StoreRow<TTile>(shape, queryRows[y + 2 * TTile.Side], first, output.C20, output.C21, output.C22, output.C23, target);
        StoreRow<TTile>(shape, queryRows[y + 3 * TTile.Side], first, output.C30, output.C31, output.C32, output.C33, target);
    }

    /// <summary>
    /// scores (images, heads, tokens, tokens) = q k^T * scale, for callers who ask for the attention itself; Softmax makes them
    /// probabilities. Grid: (key tiles, query tiles, images * heads).
    /// </summary>
    public static void ScoresKernel<TTile>(ArrayView<float> qkv, AttentionShape shape, ArrayView<float> scores)
        where TTile : struct, ITileShape
    {
        ArrayView<float> As = SharedMemory.Allocate<float>(TTile.Depth * (RegisterTile.Size * TTile.Side + 1));
        ArrayView<float> Bs = SharedMemory.Allocate<float>(TTile.Depth * (RegisterTile.Size * TTile.Side + 1));
        ArrayView<int> queryRows = SharedMemory.Allocate<int>(RegisterTile.Size * TTile.Side);
        int tileSize = RegisterTile.Size * TTile.Side;
        int y = Group.IdxY;
        int hidden = shape.Hidden;
        int tokens = shape.TokenCount;
        int firstQuery = Grid.IdxY * tileSize;
        int firstKey = Grid.IdxX * tileSize;
        int image = Grid.IdxZ / shape.HeadCount;
        int head = Grid.IdxZ % shape.HeadCount;
        ArrayView<float> q = qkv.SubView((long)image * tokens * 3 * hidden + head * shape.HeadSize);
        for (int i = y * TTile.Side + Group.IdxX; i < tileSize; i += TTile.Side * TTile.Side)
            queryRows[i] = firstQuery + i < tokens ? firstQuery + i : -1;
        Group.Barrier();

        RegisterTile s = Gemm.Product<TTile>(q, 3 * hidden, queryRows, q.SubView(hidden), 3 * hidden, firstKey, tokens, shape.HeadSize, As, Bs);

        s.ScaleRows(shape.Scale, shape.Scale, shape.Scale, shape.Scale);
        ArrayView<float> target = scores.SubView((long)Grid.IdxZ * tokens * tokens);
        int key = firstKey + Group.IdxX;
        StoreColumns<TTile>(tokens, tokens, queryRows[y], key, s.C00, s.C01, s.C02, s.C03, target);
        StoreColumns<TTile>(tokens, tokens, queryRows[y + TTile.Side], key, s.C10, s.C11, s.C12, s.C13, target);
        StoreColumns<TTile>(tokens, tokens, queryRows[y + 2 * TTile.Side], key, s.C20, s.C21, s.C22, s.C23, target);
        StoreColumns<TTile>(tokens, tokens, queryRows[y + 3 * TTile.Side], key, s.C30, s.C31, s.C32, s.C33, target);
    }

    private static void ScaleAndMask<TTile>(ref RegisterTile s, float scale, int firstKey, int tokenCount)
        where TTile : struct, ITileShape
    {
        s.ScaleRows(scale, scale, scale, scale);
        if (firstKey >= tokenCount)
            s.C00 = s.C10 = s.C20 = s.C30 = Masked;
        if (firstKey + TTile.Side >= tokenCount)
            s.C01 = s.C11 = s.C21 = s.C31 = Masked;
        if (firstKey + 2 * TTile.Side >= tokenCount)
            s.C02 = s.C12 = s.C22 = s.C32 = Masked;
        if (firstKey + 3 * TTile.Side >= tokenCount)
            s.C03 = s.C13 = s.C23 = s.C33 = Masked;
    }

    private static float Max(float a, float b, float c, float d) =>
        MaxReduction.Combine(MaxReduction.Combine(a, b), MaxReduction.Combine(c, d));

    private static void StorePowers<TTile>(int index, float s0, float s1, float s2, float s3, float max, ArrayView<float> powers)
        where TTile : struct, ITileShape
    {
        powers[index] = ScalarMath.Exp(s0 - max);
        powers[index + TTile.Side] = ScalarMath.Exp(s1 - max);
        powers[index + 2 * TTile.Side] = ScalarMath.Exp(s2 - max);
        powers[index + 3 * TTile.Side] = ScalarMath.Exp(s3 - max);
    }

    private static void StoreRow<TTile>(AttentionShape shape, int row, int column, float c0, float c1, float c2, float c3, ArrayView<float> target)
        where TTile : struct, ITileShape =>
        StoreColumns<TTile>(shape.Hidden, shape.HeadSize, row, column, c0, c1, c2, c3, target);

    private static void StoreColumns<TTile>(int stride, int columns, int row, int column, float c0, float c1, float c2, float c3, ArrayView<float> target)
        where TTile : struct, ITileShape
    {
        if (row < 0)
            return;
        long index = (long)row * stride + column;
        if (column < columns)
            target[index] = c0;
        if (column + TTile.Side < columns)
            target[index + TTile.Side] = c1;
        if (column + 2 * TTile.Side < columns)
            target[index + 2 * TTile.Side] = c2;
        if (column + 3 * TTile.Side < columns)
            target[index + 3 * TTile.Side] = c3;
    }
}
