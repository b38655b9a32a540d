using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// Attention of one head over one image. Keys (transposed) and values are packed into panels once per head. Then each
/// tile of query rows computes its scores, turns them into probabilities and multiplies them with the values, while
/// they are in the cache.
/// </summary>
internal static unsafe class Attention
{
    private const float Log2E = 1.4426950408889634f;

    /// <summary>Floats of scratch memory that one thread needs.</summary>
    public static long ScratchSize(int tokens, int headSize, int width, int tileRows)
    {
        long tokenPanels = (tokens + width - 1) / width;
        long headPanels = (headSize + width - 1) / width;
        return Round(tokenPanels * width * headSize)            // keys
            + Round(headPanels * width * tokens)                // values
            + (Gemm.Blocks(tokens) + 1L) * tileRows * Gemm.BlockSize; // scores and output
    }

    private static long Round(long floats) => (floats + 15) / 16 * 16;

    /// <summary>
    /// context = softmax(q k^T / sqrt(head size)) v for query rows from <paramref name="firstRow"/> to
    /// <paramref name="lastRow"/>.
    /// </summary>
    /// <param name="query">(tokens, head size), row stride <see cref="Gemm.BlockSize"/>.</param>
    /// <param name="key">(tokens, head size), the same stride.</param>
    /// <param name="value">(tokens, head size), the same stride.</param>
    /// <param name="context">The output: (head size) for each query row.</param>
    /// <param name="contextStride">Row stride of the output.</param>
    /// <param name="firstRow">First query row.</param>
    /// <param name="lastRow">Query row after the last.</param>
    /// <param name="tokens">Rows of key and value.</param>
    /// <param name="headSize">Columns of the head.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Head<TVector>(
        float* query, float* key, float* value, float* context, nint contextStride, int firstRow, int lastRow, int tokens,
        int headSize, float* scratch)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int width = 2 * TVector.Count;
        int tokenPanels = (tokens + width - 1) / width;
        int headPanels = (headSize + width - 1) / width;
        float* keys = scratch;
        float* values = keys + Round((long)tokenPanels * width * headSize);
        float* scores = values + Round((long)headPanels * width * tokens);
        float* output = scores + (nint)Gemm.Blocks(tokens) * TVector.TileRows * Gemm.BlockSize;
        PackKeys(key, keys, tokens, headSize, width);
        PackValues(value, values, tokens, headSize, width);

        float* sums = stackalloc float[TVector.TileRows];
        int rows = lastRow - firstRow;
        int tiles = (rows + TVector.TileRows - 1) / TVector.TileRows;
        for (int tile = 0; tile < tiles; tile++)
        {
            int row = firstRow + rows * tile / tiles;
            int tileRows = firstRow + rows * (tile + 1) / tiles - row;
            Scores<TVector>(query + (nint)row * Gemm.BlockSize, keys, scores, tileRows, tokens, headSize);

            for (int i = 0; i < tileRows; i++)
                sums[i] = Exponentials<TVector>(scores + (nint)i * Gemm.BlockSize, (nint)tileRows * Gemm.BlockSize, tokens, headSize);

            // The product with the values stops at the last token, so the padding of the scores is never used.
            for (int first = 0; first < tokens; first += Gemm.BlockSize)
            {
                int count = Math.Min(Gemm.BlockSize, tokens - first);
                float* block = scores + (nint)(first / Gemm.BlockSize) * tileRows * Gemm.BlockSize;
                Gemm.Multiply<TVector>(
                    block, values + (nint)first * headPanels * width, null, output, tileRows, count, headPanels, first > 0, false);
            }

            for (int i = 0; i < tileRows; i++)
                Scale<TVector>(output + (nint)i * Gemm.BlockSize, 1f / sums[i], context + (row + i) * contextStride, headSize);
        }
    }

    /// <summary>probabilities = softmax(q k^T / sqrt(head size)), (tokens) for each query row.</summary>
    /// <param name="query">As for <see cref="Head"/>.</param>
    /// <param name="key">As for <see cref="Head"/>.</param>
    /// <param name="probabilities">(query rows, tokens) from row 0 on, row-major.</param>
    /// <param name="firstRow">First query row.</param>
    /// <param name="lastRow">Query row after the last.</param>
    /// <param name="tokens">Rows of the key.</param>
    /// <param name="headSize">Columns of the head.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public static void Probabilities<TVector>(
        float* query, float* key, float* probabilities, int firstRow, int lastRow, int tokens, int headSize, float* scratch)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int width = 2 * TVector.Count;
        float* keys = scratch;
        float* scores = keys + Round((long)((tokens + width - 1) / width) * width * headSize);
        PackKeys(key, keys, tokens, headSize, width);
        for (int row = firstRow; row < lastRow; row++)
        {
            Scores<TVector>(query + (nint)row * Gemm.BlockSize, keys, scores, 1, tokens, headSize);
            float sum = Exponentials<TVector>(scores, Gemm.BlockSize, tokens, headSize);
            // The blocks of a single row follow each other.
            Scale<TVector>(scores, 1f / sum, probabilities + (nint)row * tokens, tokens);
        }
    }

    /// <summary>mixture = sum over query rows of weight * softmax(q k^T / sqrt(head size)).</summary>
    /// <param name="query">As for <see cref="Head"/>.</param>
    /// <param name="key">As for <see cref="Head"/>.</param>
    /// <param name="weights">(tokens): the weight of each query row; null if all are 1.</param>
    /// <param name="mixture">The output: <see cref="MixtureSize"/> floats.</param>
    /// <param name="firstRow">First query row.</param>
    /// <param name="lastRow">Query row after the last.</param>
    /// <param name="tokens">Rows of the key.</param>
    /// <param name="headSize">Columns of the head.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public static void MixRows<TVector>(
        float* query, float* key, float* weights, float* mixture, int firstRow, int lastRow, int tokens, int headSize, float* scratch)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int width = 2 * TVector.Count;
        float* keys = scratch;
        float* scores = keys + Round((long)((tokens + width - 1) / width) * width * headSize);
        PackKeys(key, keys, tokens, headSize, width);
        new Span<float>(mixture, MixtureSize(tokens)).Clear();
        for (int row = firstRow; row < lastRow; row += TVector.TileRows)
        {
            int rows = Math.Min(TVector.TileRows, lastRow - row);
            Scores<TVector>(query + (nint)row * Gemm.BlockSize, keys, scores, rows, tokens, headSize);
            for (int i = 0; i < rows; i++)
            {
                float* s = scores + (nint)i * Gemm.BlockSize;
                nint blockStride = (nint)rows * Gemm.BlockSize;
                float sum = Exponentials<TVector>(s, blockStride, tokens, headSize);
                AddScaled<TVector>(s, blockStride, (weights == null ? 1f : weights[row + i]) / sum, mixture, tokens);
            }
        }
    }

    /// <summary>Floats for one value per token, rounded up to whole registers.</summary>
    public static int MixtureSize(int tokens) => (int)Round(tokens);

    /// <summary>
    /// mixture += factor * row. The last register may hold anything past the row; it goes into the mixture's padding.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddScaled<TVector>(float* row, nint blockStride, float factor, float* mixture, int tokens)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        TVector factors = TVector.Create(factor);
        for (int first = 0; first < tokens; first += Gemm.BlockSize)
        {
            float* s = row + first / Gemm.BlockSize * blockStride;
            int count = Math.Min(Gemm.BlockSize, tokens - first);
            for (int column = 0; column < count; column += TVector.Count)
            {
                float* sum = mixture + first + column;
                TVector.Store(TVector.MultiplyAdd(TVector.Load(s + column), factors, TVector.Load(sum)), sum);
            }
        }
    }

    /// <summary>scores = q k^T, unscaled, in blocks of keys: (blocks, rows, <see cref="Gemm.BlockSize"/>).</summary>
    private static void Scores<TVector>(float* query, float* keys, float* scores, int rows, int tokens, int headSize)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int width = 2 * TVector.Count;
        for (int first = 0; first < tokens; first += Gemm.BlockSize)
        {
            int count = Math.Min(Gemm.BlockSize, tokens - first);
            int panels = (count + width - 1) / width;
            bool halfPanel = count - (panels - 1) * width <= TVector.Count; // 197 keys leave 5 in the last
            float* block = scores + (nint)(first / Gemm.BlockSize) * rows * Gemm.BlockSize;
            Gemm.Multiply<TVector>(query, keys + (nint)first * headSize, null, block, rows, headSize, panels, false, false, halfPanel);
        }
    }

    /// <summary>
    /// scores = exp((scores - max) / sqrt(head size)) in place. Returns their sum; the division by it happens later on
    /// the output, which is shorter. Lanes after the last token are excluded from the maximum and the sum. Otherwise
    /// leftovers of one image would change another.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Exponentials<TVector>(float* scores, nint blockStride, int tokens, int headSize)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        TVector lowest = TVector.Create(float.NegativeInfinity);
        TVector max = lowest;
        for (int first = 0; first < tokens; first += Gemm.BlockSize)
        {
            float* s = scores + first / Gemm.BlockSize * blockStride;
            int count = Math.Min(Gemm.BlockSize, tokens - first);
            int column = 0;
            for (; column <= count - TVector.Count; column += TVector.Count)
                max = TVector.Max(max, TVector.Load(s + column));
            if (column < count)
                max = TVector.Max(max, TVector.SelectFirst(count - column, TVector.Load(s + column), lowest));
        }

        // One multiply-add per score. The rounding of max * factor is the same for the whole row, so the division by
        // the sum cancels it.
        float factor = Log2E / MathF.Sqrt(headSize);
        TVector scale = TVector.Create(factor);
        TVector shift = TVector.Create(-TVector.MaxLane(max) * factor);
        TVector sum = TVector.Zero;
        for (int first = 0; first < tokens; first += Gemm.BlockSize)
        {
            float* s = scores + first / Gemm.BlockSize * blockStride;
            int count = Math.Min(Gemm.BlockSize, tokens - first);
            int column = 0;
            for (; column <= count - TVector.Count; column += TVector.Count)
            {
                TVector e = VectorMath.Exp2(TVector.MultiplyAdd(TVector.Load(s + column), scale, shift));
                sum += e;
                TVector.Store(e, s + column);
            }

            if (column < count)
            {
                TVector e = VectorMath.Exp2(TVector.MultiplyAdd(TVector.Load(s + column), scale, shift));
                sum += TVector.SelectFirst(count - column, e, TVector.Zero);
                TVector.Store(e, s + column);
            }
        }

        return TVector.Sum(sum);
    }

    /// <summary>output = input * factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Scale<TVector>(float* input, float factor, float* output, int count)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        TVector factors = TVector.Create(factor);
        int i = 0;
        for (; i <= count - TVector.Count; i += TVector.Count)
            TVector.Store(TVector.Load(input + i) * factors, output + i);
        for (; i < count; i++)
            output[i] = input[i] * factor;
    }

    /// <summary>panels = key^T: (panels, head size, width). Columns after the last token are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackKeys(float* key, float* panels, int tokens, int headSize, int width)
    {
        for (int first = 0; first < tokens; first += width, panels += (nint)width * headSize)
        {
            int count = Math.Min(width, tokens - first);
            float* source = key + (nint)first * Gemm.BlockSize;
            if (count < width)
                new Span<float>(panels, width * headSize).Clear();
            int token = 0;
            if (headSize % 4 == 0)
            {
                for (; token + 4 <= count; token += 4)
                {
                    float* rows = source + (nint)token * Gemm.BlockSize;
                    for (int i = 0; i < headSize; i += 4)
                        Transpose4(rows + i, Gemm.BlockSize, panels + (nint)i * width + token, width);
                }
            }

            for (; token < count; token++)
            {
                for (int i = 0; i < headSize; i++)
                    panels[(nint)i * width + token] = source[(nint)token * Gemm.BlockSize + i];
            }
        }
    }

    /// <summary>
    /// panels = value: (panels, tokens, width) for each block of <see cref="Gemm.BlockSize"/> tokens. Columns after the
    /// head are zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackValues(float* value, float* panels, int tokens, int headSize, int width)
    {
        for (int first = 0; first < tokens; first += Gemm.BlockSize)
        {
            int count = Math.Min(Gemm.BlockSize, tokens - first);
            for (int column = 0; column < headSize; column += width)
            {
                int columns = Math.Min(width, headSize - column);
                float* source = value + (nint)first * Gemm.BlockSize + column;
                for (int token = 0; token < count; token++, source += Gemm.BlockSize, panels += width)
                {
                    new ReadOnlySpan<float>(source, columns).CopyTo(new Span<float>(panels, columns));
                    if (columns < width)
                        new Span<float>(panels + columns, width - columns).Clear();
                }
            }
        }
    }

    /// <summary>
    /// Transposes 4x4 words of 32 bits from rows <paramref name="sourceStride"/> apart to rows <paramref name="stride"/>
    /// apart.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Transpose4(float* source, nint sourceStride, float* destination, nint stride)
    {
        Vector128<float> r0 = Vector128.Load(source);
        Vector128<float> r1 = Vector128.Load(source + sourceStride);
        Vector128<float> r2 = Vector128.Load(source + 2 * sourceStride);
        Vector128<float> r3 = Vector128.Load(source + 3 * sourceStride);
        if (Sse.IsSupported)
        {
            Vector128<float> low01 = Sse.UnpackLow(r0, r1), low23 = Sse.UnpackLow(r2, r3);
            Vector128<float> high01 = Sse.UnpackHigh(r0, r1), high23 = Sse.UnpackHigh(r2, r3);
            Vector128.Store(Sse.MoveLowToHigh(low01, low23), destination);
            Vector128.Store(Sse.MoveHighToLow(low23, low01), destination + stride);
            Vector128.Store(Sse.MoveLowToHigh(high01, high23), destination + 2 * stride);
            Vector128.Store(Sse.MoveHighToLow(high23, high01), destination + 3 * stride);
        }
        else if (AdvSimd.Arm64.IsSupported)
        {
            Vector128<double> low01 = AdvSimd.Arm64.ZipLow(r0, r1).AsDouble(), low23 = AdvSimd.Arm64.ZipLow(r2, r3).AsDouble();
            Vector128<double> high01 = AdvSimd.Arm64.ZipHigh(r0, r1).AsDouble(), high23 = AdvSimd.Arm64.ZipHigh(r2, r3).AsDouble();
            Vector128.Store(AdvSimd.Arm64.ZipLow(low01, low23).AsSingle(), destination);
            Vector128.Store(AdvSimd.Arm64.ZipHigh(low01, low23).AsSingle(), destination + stride);
            Vector128.Store(AdvSimd.Arm64.ZipLow(high01, high23).AsSingle(), destination + 2 * stride);
            Vector128.Store(AdvSimd.Arm64.ZipHigh(high01, high23).AsSingle(), destination + 3 * stride);
        }
        else
        {
            for (int i = 0; i < 4; i++)
                Vector128.Store(Vector128.Create(r0[i], r1[i], r2[i], r3[i]), destination + i * stride);
        }
    }
}
