using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// Attention of one head over one image with both products in bfloat16, softmax in float32. Keys and values are packed
/// into panels once per head; then each tile of query rows makes its scores, turns them into probabilities and multiplies
/// them with the values while they are in the cache.
/// </summary>
internal static unsafe class ReducedAttention
{
    private const float Log2E = 1.4426950408889634f;
    private const int Panel = TileGenerator.Width;
    private const int TileRows = TileSet.MostRows;

    /// <summary>Bytes of scratch memory that one thread needs.</summary>
    public static long ScratchSize(int tokens, int headSize, int stepUnit) => new Layout(tokens, headSize, stepUnit).Size;

    /// <summary>context = softmax(q k^T / sqrt(head size)) v for some query rows.</summary>
    /// <param name="tiles">The bfloat16 tiles.</param>
    /// <param name="zeros">32 zeros.</param>
    /// <param name="tileSums">Room for <see cref="TileArguments.Sums"/>.</param>
    /// <param name="query">(tokens, head size), row stride <see cref="Gemm.BlockSize"/>.</param>
    /// <param name="key">(tokens, head size), the same stride.</param>
    /// <param name="value">(tokens, head size), the same stride.</param>
    /// <param name="context">Output, (head size) for each query row.</param>
    /// <param name="contextStride">Row stride of the output.</param>
    /// <param name="firstRow">First query row.</param>
    /// <param name="lastRow">Query row after the last.</param>
    /// <param name="tokens">Rows of key and value.</param>
    /// <param name="headSize">Columns of the head, an even number.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> bytes, 64-byte aligned.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Head(
        in Tiles tiles, float* zeros, byte* tileSums, float* query, float* key, float* value, float* context, nint contextStride,
        int firstRow, int lastRow, int tokens, int headSize, byte* scratch)
    {
        var layout = new Layout(tokens, headSize, tiles.StepUnit);
        uint* keys = (uint*)scratch;
        uint* values = (uint*)(scratch + layout.Values);
        ushort* queries = (ushort*)(scratch + layout.Queries);
        float* scores = (float*)(scratch + layout.Scores);
        ushort* weights = (ushort*)(scratch + layout.Weights);
        float* output = (float*)(scratch + layout.Output);
        PackKeys(key, keys, (ushort*)(scratch + layout.Rows), tokens, headSize, layout.KeySteps);
        PackValues(value, values, tokens, headSize, layout.ValueSteps);

        float* sums = stackalloc float[TileRows];
        int rows = lastRow - firstRow;
        int tileCount = tiles.Count(rows);
        TileArguments arguments = default;
        arguments.Bias = zeros;
        arguments.Sums = tileSums;
        TileSet.Begin(tiles);
        for (int tile = 0; tile < tileCount; tile++)
        {
            int row = firstRow + tiles.Start(rows, tile);
            int count = firstRow + tiles.Start(rows, tile + 1) - row;
            arguments.Rows = count;
            for (int i = 0; i < count; i++)
                ReducedRows.ToBFloat16(query + (nint)(row + i) * Gemm.BlockSize, headSize, queries + (nint)i * Gemm.BlockSize);

            // scores = q k^T, (blocks of 384 keys, rows of a tile, 384)
            arguments.A = (byte*)queries;
            arguments.Steps = layout.KeySteps;
            for (int panel = 0; panel < layout.KeyPanels; panel++)
            {
                int token = panel * Panel;
                arguments.B = (byte*)(keys + (nint)token * layout.KeySteps);
                arguments.C = scores + (nint)(token / Gemm.BlockSize) * TileRows * Gemm.BlockSize + token % Gemm.BlockSize;
                TileSet.Call(tiles.Entries[2 * count], &arguments);
            }

            for (int i = 0; i < count; i++)
            {
                nint start = (nint)i * Gemm.BlockSize;
                sums[i] = Softmax(scores + start, weights + start, tokens, headSize, 2 * tiles.StepUnit);
            }

            // output = weights v, (rows of a tile, head size)
            for (int first = 0; first < tokens; first += Gemm.BlockSize)
            {
                arguments.A = (byte*)(weights + (nint)(first / Gemm.BlockSize) * TileRows * Gemm.BlockSize);
                arguments.Steps = Tiles.PaddedSteps(Math.Min(Gemm.BlockSize, tokens - first), TileKind.BFloat16, tiles.StepUnit);
                for (int panel = 0; panel < layout.HeadPanels; panel++)
                {
                    arguments.B = (byte*)(values + ((nint)panel * layout.ValueSteps + first / 2) * Panel);
                    arguments.C = output + panel * Panel;
                    TileSet.Call(tiles.Entries[2 * count + (first > 0 ? 1 : 0)], &arguments);
                }
            }

            for (int i = 0; i < count; i++)
            {
                Attention.Scale<Float16>(
                    output + (nint)i * Gemm.BlockSize, 1f / sums[i], context + (row + i) * contextStride, headSize);
            }
        }

        TileSet.End(tiles);
    }

    /// <summary>
    /// keys = panels of 32 tokens, each (steps, 32) pairs of bfloat16; tokens after the last and steps after the head are
    /// zero.
    /// </summary>
    /// <param name="key">(tokens, head size)</param>
    /// <param name="keys">The panels.</param>
    /// <param name="rows">Scratch: 4 rows of bfloat16.</param>
    /// <param name="tokens">Rows of the key.</param>
    /// <param name="headSize">Columns of the key.</param>
    /// <param name="steps">Steps of a panel.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackKeys(float* key, uint* keys, ushort* rows, int tokens, int headSize, int steps)
    {
        int pairs = headSize / 2;
        int padded = (tokens + Panel - 1) / Panel * Panel;
        uint* words = (uint*)rows;
        for (int token = 0; token < padded; token += 4)
        {
            for (int i = 0; i < 4; i++)
            {
                if (token + i < tokens)
                    ReducedRows.ToBFloat16(key + (nint)(token + i) * Gemm.BlockSize, headSize, rows + (nint)i * Gemm.BlockSize);
                else
                    new Span<ushort>(rows + (nint)i * Gemm.BlockSize, headSize).Clear();
            }

            uint* to = keys + (nint)(token / Panel) * steps * Panel + token % Panel;
            int pair = 0;
            for (; pair <= pairs - 4; pair += 4)
                Attention.Transpose4((float*)(words + pair), Gemm.BlockSize / 2, (float*)(to + (nint)pair * Panel), Panel);
            for (; pair < pairs; pair++)
            {
                for (int i = 0; i < 4; i++)
                    to[(nint)pair * Panel + i] = words[i * (Gemm.BlockSize / 2) + pair];
            }

            for (; pair < steps; pair++)
                new Span<uint>(to + (nint)pair * Panel, 4).Clear();
        }
    }

    /// <summary>
    /// values = panels of 32 columns of the head, each (steps, 32) pairs of tokens; tokens after the last are zero. What
    /// stands in columns after the head is never read.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackValues(float* value, uint* values, int tokens, int headSize, int steps)
    {
        for (int column = 0; column < headSize; column += Panel)
        {
            for (int token = 0; token < 2 * steps; token += 2, values += Panel)
            {
                for (int i = 0; i < Panel; i += 16)
                {
                    float* from = value + (nint)token * Gemm.BlockSize + column + i;
                    Vector512<uint> even = token < tokens ? ReducedRows.RoundedBits(Vector512.Load(from)) >> 16 : Vector512<uint>.Zero;
                    Vector512<uint> odd = token + 1 < tokens
                        ? ReducedRows.RoundedBits(Vector512.Load(from + Gemm.BlockSize)) & Vector512.Create(0xFFFF0000u)
                        : Vector512<uint>.Zero;
                    (even | odd).Store(values + i);
                }
            }
        }
    }

    /// <summary>
    /// weights = exp((scores - max) / sqrt(head size)) in bfloat16, zero after the last token up to a multiple of the
    /// unit; returns the sum before rounding. The division by it waits for the output.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Softmax(float* scores, ushort* weights, int tokens, int headSize, int unit)
    {
        const nint BlockStride = TileRows * Gemm.BlockSize;
        Float16 lowest = Float16.Create(float.NegativeInfinity);
        Float16 max = lowest;
        for (int first = 0; first < tokens; first += Gemm.BlockSize)
        {
            float* s = scores + first / Gemm.BlockSize * BlockStride;
            int count = Math.Min(Gemm.BlockSize, tokens - first);
            int column = 0;
            for (; column <= count - 16; column += 16)
                max = Float16.Max(max, Float16.Load(s + column));
            if (column < count)
                max = Float16.Max(max, Float16.SelectFirst(count - column, Float16.Load(s + column), lowest));
        }

        float factor = Log2E / MathF.Sqrt(headSize);
        Float16 scale = Float16.Create(factor);
        Float16 shift = Float16.Create(-Float16.MaxLane(max) * factor);
        Float16 sum = Float16.Zero;
        for (int first = 0; first < tokens; first += Gemm.BlockSize)
        {
            float* s = scores + first / Gemm.BlockSize * BlockStride;
            ushort* w = weights + first / Gemm.BlockSize * BlockStride;
            int count = Math.Min(Gemm.BlockSize, tokens - first);
            int column = 0;
            for (; column < count; column += 16)
            {
                Float16 e = VectorMath.Exp2(Float16.MultiplyAdd(Float16.Load(s + column), scale, shift));
                if (column > count - 16)
                    e = Float16.SelectFirst(count - column, e, Float16.Zero);
                sum += e;
                Vector512<float> value = Unsafe.BitCast<Float16, Vector512<float>>(e);
                Avx512F.ConvertToVector256UInt16(ReducedRows.RoundedBits(value) >> 16).Store(w + column);
            }

            for (; column % unit != 0; column += 16)
                Vector256<ushort>.Zero.Store(w + column);
        }

        return Float16.Sum(sum);
    }

    /// <summary>Where things stand in the scratch memory, in bytes.</summary>
    private readonly struct Layout
    {
        public Layout(int tokens, int headSize, int stepUnit)
        {
            int blocks = (tokens + Gemm.BlockSize - 1) / Gemm.BlockSize;
            KeyPanels = (tokens + Panel - 1) / Panel;
            HeadPanels = (headSize + Panel - 1) / Panel;
            KeySteps = Tiles.PaddedSteps(headSize, TileKind.BFloat16, stepUnit);
            ValueSteps = Tiles.PaddedSteps(tokens, TileKind.BFloat16, stepUnit);
            Values = (long)KeyPanels * KeySteps * Panel * 4;
            Queries = Values + (long)HeadPanels * ValueSteps * Panel * 4;
            Rows = Queries + TileRows * Gemm.BlockSize * 2;
            Scores = Rows + 4 * Gemm.BlockSize * 2;
            Weights = Scores + (long)blocks * TileRows * Gemm.BlockSize * 4;
            Output = Weights + (long)blocks * TileRows * Gemm.BlockSize * 2;
            Size = Output + TileRows * Gemm.BlockSize * 4;
        }

        public int KeyPanels { get; }

        public int HeadPanels { get; }

        /// <summary>Steps of a panel of keys.</summary>
        public int KeySteps { get; }

        /// <summary>Steps of all values of a head panel.</summary>
        public int ValueSteps { get; }

        public long Values { get; }

        public long Queries { get; }

        public long Rows { get; }

        public long Scores { get; }

        public long Weights { get; }

        public long Output { get; }

        public long Size { get; }
    }
}
