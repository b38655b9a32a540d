using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Sizes of an attention: qkv is (images * tokens, 3 * heads * head size), queries first, then keys, then values.</summary>
internal readonly struct TensorAttentionShape
{
    public TensorAttentionShape(int tokenCount, int queryCount, int headCount, float scale)
    {
        TokenCount = tokenCount;
        QueryCount = queryCount;
        HeadCount = headCount;
        Scale = scale;
    }

    /// <summary>Keys and values of an image.</summary>
    public int TokenCount { get; }

    /// <summary>Queries of an image, from token 0.</summary>
    public int QueryCount { get; }

    public int HeadCount { get; }

    /// <summary>log2 e / sqrt(head size): powers are of 2.</summary>
    public float Scale { get; }
}

/// <summary>
/// Attention on tensor cores with the scores in registers: each group of four warps takes 64 queries of one head and image and walks over tiles of keys
/// and values, 32 keys at a time; the next tile is copied while one is used. The softmax, in float32, is corrected as the walk goes on, as in
/// the portable kernel.
/// </summary>
internal static class Attention
{
    /// <summary>Queries of a group.</summary>
    public const int TileRows = 64;

    /// <summary>Threads of a group.</summary>
    public const int Threads = 128;

    /// <summary>Keys that a warp takes at a time.</summary>
    public const int StepKeys = 32;

    /// <summary>Bytes of a head's row that fit in shared memory.</summary>
    public const int MaxRowBytes = 256;

    /// <summary>Bytes of a tile of keys, or of values, whatever the head: 64 rows of 128 bytes, or 32 of 256. Four copies a thread.</summary>
    private const int TileBytes = 8192;

    /// <summary>context (images * tokens, heads * head size) = softmax(q k^T / sqrt(head size)) v. Grid: (query tiles, heads, images).</summary>
    /// <param name="qkv">Global address, as the context's 16-byte aligned.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="context">Global address.</param>
    public static void Kernel<TFormat, THead>(long qkv, TensorAttentionShape shape, long context)
        where TFormat : struct, ITensorFormat
        where THead : struct, IHeadSize
    {
        // Queries, then two slots of keys and values.
        int rowBytes = THead.Size * TFormat.ElementSize;
        int pitch = Pitch(rowBytes);
        if (pitch == 128)
            CudaAsm.Emit(".shared .align 128 .b8 tiles[40960];");
        else
            CudaAsm.Emit(".shared .align 128 .b8 tiles[49152];");
        CudaAsm.Emit(AttentionText.Registers);
        CudaAsm.Emit(AttentionText.Clear);
        int queryBytes = TileRows * pitch;
        int tileRows = TileBytes / pitch;
        int thread = Group.IdxX;
        int lane = thread % TileLayout.WarpSize;
        int warp = thread / TileLayout.WarpSize;
        int firstQuery = Grid.IdxX * TileRows;
        int hiddenBytes = shape.HeadCount * rowBytes;
        long firstToken = (long)Grid.IdxZ * shape.TokenCount;
        long query = qkv + firstToken * 3 * hiddenBytes + Grid.IdxY * rowBytes;
        long key = query + hiddenBytes;
        long value = key + hiddenBytes;

        CopyTile(query, rowBytes, 3 * hiddenBytes, firstQuery, shape.TokenCount, 0, thread);
        if (queryBytes > TileBytes)
            CopyTile(query, rowBytes, 3 * hiddenBytes, firstQuery + tileRows, shape.TokenCount, TileBytes, thread);
        CopyTile(key, rowBytes, 3 * hiddenBytes, 0, shape.TokenCount, queryBytes, thread);
        CopyTile(value, rowBytes, 3 * hiddenBytes, 0, shape.TokenCount, queryBytes + TileBytes, thread);
        CudaAsm.Emit("cp.async.commit_group;");
        CudaAsm.Emit("cp.async.wait_group 0;");
        CudaAsm.Emit("bar.sync 0;");
        LoadQueries(rowBytes, 16 * warp, lane, pitch);

        int slot = queryBytes;
        for (int firstKey = 0; firstKey < shape.TokenCount; firstKey += tileRows)
        {
            // This tile has arrived, and all are done with the last one, whose slot is written next.
            CudaAsm.Emit("cp.async.wait_group 0;");
            CudaAsm.Emit("bar.sync 0;");
            int nextSlot = 2 * queryBytes + 2 * TileBytes - slot;
            if (firstKey + tileRows < shape.TokenCount)
            {
                CopyTile(key, rowBytes, 3 * hiddenBytes, firstKey + tileRows, shape.TokenCount, nextSlot, thread);
                CopyTile(value, rowBytes, 3 * hiddenBytes, firstKey + tileRows, shape.TokenCount, nextSlot + TileBytes, thread);
            }

            CudaAsm.Emit("cp.async.commit_group;");

            // A step without a single key is left out, so every step's maximum is a score.
            int count = shape.TokenCount - firstKey;
            for (int row = 0; row < tileRows && row < count; row += StepKeys)
            {
                int keys = slot + row * pitch;
                CudaAsm.Emit(AttentionText.ClearScores);
                MultiplyScores<TFormat>(rowBytes, keys, lane, pitch);
                if (row + StepKeys > count)
                    CudaAsm.Emit(AttentionText.Mask, count - row - lane % 4 * 2);
                CudaAsm.Emit(AttentionText.Softmax, shape.Scale, -shape.Scale);
                Rescale(THead.Size);
                TFormat.PackWeights();
                MultiplyValues<TFormat>(THead.Size, keys + TileBytes, lane, pitch);
            }

            slot = nextSlot;
        }

        CudaAsm.Emit(AttentionText.Finish);
        int queryRow = firstQuery + 16 * warp + lane / 4;
        long target = context + (firstToken + queryRow) * hiddenBytes + Grid.IdxY * rowBytes + lane % 4 * 2 * TFormat.ElementSize;
        if (queryRow < shape.QueryCount)
            StoreFirst<TFormat>(THead.Size, target);
        if (queryRow + 8 < shape.QueryCount)
            StoreSecond<TFormat>(THead.Size, target + 8L * hiddenBytes);
    }

    /// <summary>Bytes from one row of a tile to the next: all banks once or twice, so that eight rows can be laid out without conflicts.</summary>
    public static int Pitch(int rowBytes) => rowBytes > 128 ? 256 : 128;

    /// <summary>Byte of a chunk in a tile; eight rows at one chunk lie on different banks because the row's number exchanges chunks.</summary>
    public static int ByteOffset(int row, int chunk, int pitch) => row * pitch + (chunk ^ (row & 7)) * TileLayout.ChunkBytes;

    /// <summary>Where a lane points ldmatrix for 16 queries and 32 bytes of the head.</summary>
    public static int QueryFragment(int lane, int firstRow, int step, int pitch) => ByteOffset(firstRow + lane % 16, 2 * step + lane / 16, pitch);

    /// <summary>Where a lane points ldmatrix for 16 keys and 32 bytes of the head: keys come as the weight of a product does.</summary>
    public static int KeyFragment(int lane, int step, int pitch) => ByteOffset(lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2, pitch);

    /// <summary>Where a lane points ldmatrix for 16 keys and 16 values of 16 bits of the head, which it transposes.</summary>
    public static int ValueFragment16(int lane, int group, int pitch) => ByteOffset(lane % 16, 2 * group + lane / 16, pitch);

    /// <summary>Where a lane finds a value of 32 bits of the head: column lane / 4 of a fragment of eight, key 2 (lane % 4) or the next.</summary>
    public static int ValueFragment32(int lane, int fragment, int odd, int pitch) =>
        ByteOffset(lane % 4 * 2 + odd, 2 * fragment + lane / 16, pitch) + lane / 4 % 4 * sizeof(float);

    /// <summary>8192 bytes of rows, four chunks a thread; rows past the last token become zeros, and what no head fills is left out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyTile(long source, int rowBytes, int strideBytes, int firstRow, int rowCount, int target, int thread)
    {
        int pitch = Pitch(rowBytes);
        int chunksPerRow = pitch / TileLayout.ChunkBytes;
        int passRows = Threads / chunksPerRow;
        int chunk = thread % chunksPerRow;
        int row = thread / chunksPerRow;
        int offset = target + ByteOffset(row, chunk, pitch);
        long start = source + chunk * TileLayout.ChunkBytes;
        if (rowBytes == pitch || chunk * TileLayout.ChunkBytes < rowBytes)
        {
            Copy(start, strideBytes, firstRow + row, rowCount, offset);
            Copy(start, strideBytes, firstRow + row + passRows, rowCount, offset + passRows * pitch);
            Copy(start, strideBytes, firstRow + row + 2 * passRows, rowCount, offset + 2 * passRows * pitch);
            Copy(start, strideBytes, firstRow + row + 3 * passRows, rowCount, offset + 3 * passRows * pitch);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(long source, int strideBytes, int row, int rowCount, int target) =>
        CudaAsm.Emit(
            GemmText.Copy, target, source + (row < rowCount ? (long)row * strideBytes : 0L), row < rowCount ? TileLayout.ChunkBytes : 0);

    // The lists below name registers, one text each, as far as the head reaches; the compiler drops the rest.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadQueries(int rowBytes, int row, int lane, int pitch)
    {
        CudaAsm.Emit(AttentionText.LoadQuery0, QueryFragment(lane, row, 0, pitch));
        if (rowBytes > 32)
            CudaAsm.Emit(AttentionText.LoadQuery1, QueryFragment(lane, row, 1, pitch));
        if (rowBytes > 64)
            CudaAsm.Emit(AttentionText.LoadQuery2, QueryFragment(lane, row, 2, pitch));
        if (rowBytes > 96)
            CudaAsm.Emit(AttentionText.LoadQuery3, QueryFragment(lane, row, 3, pitch));
        if (rowBytes > 128)
            CudaAsm.Emit(AttentionText.LoadQuery4, QueryFragment(lane, row, 4, pitch));
        if (rowBytes > 160)
            CudaAsm.Emit(AttentionText.LoadQuery5, QueryFragment(lane, row, 5, pitch));
        if (rowBytes > 192)
            CudaAsm.Emit(AttentionText.LoadQuery6, QueryFragment(lane, row, 6, pitch));
        if (rowBytes > 224)
            CudaAsm.Emit(AttentionText.LoadQuery7, QueryFragment(lane, row, 7, pitch));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyScores<TFormat>(int rowBytes, int keys, int lane, int pitch)
        where TFormat : struct, ITensorFormat
    {
        CudaAsm.Emit(AttentionText.TakeQuery0);
        MultiplyKeys<TFormat>(keys, lane, 0, pitch);
        if (rowBytes > 32)
        {
            CudaAsm.Emit(AttentionText.TakeQuery1);
            MultiplyKeys<TFormat>(keys, lane, 1, pitch);
        }

        if (rowBytes > 64)
        {
            CudaAsm.Emit(AttentionText.TakeQuery2);
            MultiplyKeys<TFormat>(keys, lane, 2, pitch);
        }

        if (rowBytes > 96)
        {
            CudaAsm.Emit(AttentionText.TakeQuery3);
            MultiplyKeys<TFormat>(keys, lane, 3, pitch);
        }

        if (rowBytes > 128)
        {
            CudaAsm.Emit(AttentionText.TakeQuery4);
            MultiplyKeys<TFormat>(keys, lane, 4, pitch);
        }

        if (rowBytes > 160)
        {
            CudaAsm.Emit(AttentionText.TakeQuery5);
            MultiplyKeys<TFormat>(keys, lane, 5, pitch);
        }

        if (rowBytes > 192)
        {
            CudaAsm.Emit(AttentionText.TakeQuery6);
            MultiplyKeys<TFormat>(keys, lane, 6, pitch);
        }

        if (rowBytes > 224)
        {
            CudaAsm.Emit(AttentionText.TakeQuery7);
            MultiplyKeys<TFormat>(keys, lane, 7, pitch);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyKeys<TFormat>(int keys, int lane, int step, int pitch)
        where TFormat : struct, ITensorFormat
    {
        int fragment = keys + KeyFragment(lane, step, pitch);
        CudaAsm.Emit(AttentionText.LoadKeys, fragment, fragment + 16 * pitch);
        TFormat.MultiplyScores();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rescale(int headSize)
    {
        CudaAsm.Emit(AttentionText.Rescale0);
        if (headSize > 16)
            CudaAsm.Emit(AttentionText.Rescale1);
        if (headSize > 32)
            CudaAsm.Emit(AttentionText.Rescale2);
        if (headSize > 48)
            CudaAsm.Emit(AttentionText.Rescale3);
        if (headSize > 64)
            CudaAsm.Emit(AttentionText.Rescale4);
        if (headSize > 80)
            CudaAsm.Emit(AttentionText.Rescale5);
        if (headSize > 96)
            CudaAsm.Emit(AttentionText.Rescale6);
        if (headSize > 112)
            CudaAsm.Emit(AttentionText.Rescale7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyValues<TFormat>(int headSize, int values, int lane, int pitch)
        where TFormat : struct, ITensorFormat
    {
        TFormat.MultiplyValues(0, values, lane, pitch);
        if (headSize > 16)
            TFormat.MultiplyValues(1, values, lane, pitch);
        if (headSize > 32)
            TFormat.MultiplyValues(2, values, lane, pitch);
        if (headSize > 48)
            TFormat.MultiplyValues(3, values, lane, pitch);
        if (headSize > 64)
            TFormat.MultiplyValues(4, values, lane, pitch);
        if (headSize > 80)
            TFormat.MultiplyValues(5, values, lane, pitch);
        if (headSize > 96)
            TFormat.MultiplyValues(6, values, lane, pitch);
        if (headSize > 112)
            TFormat.MultiplyValues(7, values, lane, pitch);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFirst<TFormat>(int headSize, long target)
        where TFormat : struct, ITensorFormat
    {
        CudaAsm.Emit(AttentionText.TakeFirst0);
        StoreGroup<TFormat>(target, 0);
        if (headSize > 16)
        {
            CudaAsm.Emit(AttentionText.TakeFirst1);
            StoreGroup<TFormat>(target, 1);
        }

        if (headSize > 32)
        {
            CudaAsm.Emit(AttentionText.TakeFirst2);
            StoreGroup<TFormat>(target, 2);
        }

        if (headSize > 48)
        {
            CudaAsm.Emit(AttentionText.TakeFirst3);
            StoreGroup<TFormat>(target, 3);
        }

        if (headSize > 64)
        {
            CudaAsm.Emit(AttentionText.TakeFirst4);
            StoreGroup<TFormat>(target, 4);
        }

        if (headSize > 80)
        {
            CudaAsm.Emit(AttentionText.TakeFirst5);
            StoreGroup<TFormat>(target, 5);
        }

        if (headSize > 96)
        {
            CudaAsm.Emit(AttentionText.TakeFirst6);
            StoreGroup<TFormat>(target, 6);
        }

        if (headSize > 112)
        {
            CudaAsm.Emit(AttentionText.TakeFirst7);
            StoreGroup<TFormat>(target, 7);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreSecond<TFormat>(int headSize, long target)
        where TFormat : struct, ITensorFormat
    {
        CudaAsm.Emit(AttentionText.TakeSecond0);
        StoreGroup<TFormat>(target, 0);
        if (headSize > 16)
        {
            CudaAsm.Emit(AttentionText.TakeSecond1);
            StoreGroup<TFormat>(target, 1);
        }

        if (headSize > 32)
        {
            CudaAsm.Emit(AttentionText.TakeSecond2);
            StoreGroup<TFormat>(target, 2);
        }

        if (headSize > 48)
        {
            CudaAsm.Emit(AttentionText.TakeSecond3);
            StoreGroup<TFormat>(target, 3);
        }

        if (headSize > 64)
        {
            CudaAsm.Emit(AttentionText.TakeSecond4);
            StoreGroup<TFormat>(target, 4);
        }

        if (headSize > 80)
        {
            CudaAsm.Emit(AttentionText.TakeSecond5);
            StoreGroup<TFormat>(target, 5);
        }

        if (headSize > 96)
        {
            CudaAsm.Emit(AttentionText.TakeSecond6);
            StoreGroup<TFormat>(target, 6);
        }

        if (headSize > 112)
        {
            CudaAsm.Emit(AttentionText.TakeSecond7);
            StoreGroup<TFormat>(target, 7);
        }
    }

    /// <summary>A lane's four results of 16 values of the head: two of each eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreGroup<TFormat>(long target, int group)
        where TFormat : struct, ITensorFormat =>
        TFormat.StorePairs(target + 16 * group * TFormat.ElementSize, target + (16 * group + 8) * TFormat.ElementSize);
}
