using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// Sizes of an attention. qkv is (images * tokens, 3 * heads * head size): queries first, then keys, then values.
/// </summary>
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

    /// <summary>log2 e / sqrt(head size), because the softmax uses powers of 2.</summary>
    public float Scale { get; }
}

/// <summary>
/// Attention on tensor cores with the scores in registers. Each group of four warps takes 64 queries of one head and
/// image and walks over tiles of keys and values, 32 keys at a time. The next tile is copied while one is used. The
/// softmax, in float32, is corrected during the walk, as in the portable kernel.
/// </summary>
internal static class Attention
{
    /// <summary>Queries of a group.</summary>
    public const int TileRows = 64;

    /// <summary>Threads of a group.</summary>
    public const int Threads = 128;

    /// <summary>Keys that a warp takes at a time.</summary>
    public const int StepKeys = 32;

    /// <summary>The most bytes of a head's row that fit in shared memory.</summary>
    public const int MaxRowBytes = 256;

    /// <summary>
    /// Bytes of a tile of keys, or of values, for every head size: 64 rows of 128 bytes, or 32 rows of 256. They are
    /// four copies per thread.
    /// </summary>
    private const int TileBytes = 8192;

    /// <summary>
    /// context (images * tokens, heads * head size) = softmax(q k^T / sqrt(head size)) v. Grid: (query tiles, heads,
    /// images).
    /// </summary>
    /// <param name="qkv">Global address, 16-byte aligned.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="context">Global address, 16-byte aligned; receives the context.</param>
    public static void Kernel<TFormat, THead>(long qkv, TensorAttentionShape shape, long context)
        where TFormat : struct, ITensorFormat
        where THead : struct, IHeadSize
    {
        // Shared memory holds the queries, then two slots of keys and values.
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
        int lane = thread & (TileLayout.WarpSize - 1);
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
        HeadPieces.ForEach<QueryLoad, QueryPlace>(rowBytes / 32, new QueryPlace(16 * warp, lane, pitch));

        int slot = queryBytes;
        for (int firstKey = 0; firstKey < shape.TokenCount; firstKey += tileRows)
        {
            // Now this tile has arrived, and all warps are done with the last one, whose slot is written next.
            CudaAsm.Emit("cp.async.wait_group 0;");
            CudaAsm.Emit("bar.sync 0;");
            int nextSlot = 2 * queryBytes + 2 * TileBytes - slot;
            if (firstKey + tileRows < shape.TokenCount)
            {
                CopyTile(key, rowBytes, 3 * hiddenBytes, firstKey + tileRows, shape.TokenCount, nextSlot, thread);
                CopyTile(value, rowBytes, 3 * hiddenBytes, firstKey + tileRows, shape.TokenCount, nextSlot + TileBytes, thread);
            }

            CudaAsm.Emit("cp.async.commit_group;");

            // A step without any key is skipped, so every step's maximum is a score.
            int count = shape.TokenCount - firstKey;
            for (int row = 0; row < tileRows && row < count; row += StepKeys)
            {
                int keys = slot + row * pitch;
                CudaAsm.Emit(AttentionText.ClearScores);
                HeadPieces.ForEach<ScoreProduct<TFormat>, TilePlace>(rowBytes / 32, new TilePlace(keys, lane, pitch));
                if (row + StepKeys > count)
                    CudaAsm.Emit(AttentionText.Mask, count - row - (lane & 3) * 2);
                CudaAsm.Emit(AttentionText.Softmax, shape.Scale, -shape.Scale);
                HeadPieces.ForEach<Rescale, int>(THead.Size / 16, 0);
                TFormat.PackWeights();
                HeadPieces.ForEach<ValueProduct<TFormat>, TilePlace>(THead.Size / 16, new TilePlace(keys + TileBytes, lane, pitch));
            }

            slot = nextSlot;
        }

        CudaAsm.Emit(AttentionText.Finish);
        int queryRow = firstQuery + 16 * warp + lane / 4;
        long target = context + (firstToken + queryRow) * hiddenBytes + Grid.IdxY * rowBytes + (lane & 3) * 2 * TFormat.ElementSize;
        if (queryRow < shape.QueryCount)
            HeadPieces.ForEach<StoreFirst<TFormat>, long>(THead.Size / 16, target);
        if (queryRow + 8 < shape.QueryCount)
            HeadPieces.ForEach<StoreSecond<TFormat>, long>(THead.Size / 16, target + 8L * hiddenBytes);
    }

    /// <summary>
    /// Bytes from one row of a tile to the next. A row spans all banks once or twice, so that eight rows can be laid
    /// out without conflicts.
    /// </summary>
    public static int Pitch(int rowBytes) => rowBytes > 128 ? 256 : 128;

    /// <summary>
    /// The byte of a chunk in a tile. Chunks are exchanged by the row's number, so that eight rows at one chunk lie on
    /// different banks.
    /// </summary>
    public static int ByteOffset(int row, int chunk, int pitch) => row * pitch + (chunk ^ (row & 7)) * TileLayout.ChunkBytes;

    /// <summary>Where a lane points ldmatrix for 16 queries and 32 bytes of the head.</summary>
    public static int QueryFragment(int lane, int firstRow, int step, int pitch) =>
        ByteOffset(firstRow + (lane & 15), 2 * step + (lane >> 4), pitch);

    /// <summary>
    /// Where a lane points ldmatrix for 16 keys and 32 bytes of the head. Keys are loaded as the weight of a product
    /// is.
    /// </summary>
    public static int KeyFragment(int lane, int step, int pitch) =>
        ByteOffset((lane & 7) + (lane >> 4) * 8, 2 * step + ((lane >> 3) & 1), pitch);

    /// <summary>
    /// Where a lane points ldmatrix for 16 keys and 16 values of the head, of 16 bits each. ldmatrix transposes them.
    /// </summary>
    public static int ValueFragment16(int lane, int group, int pitch) =>
        ByteOffset(lane & 15, 2 * group + (lane >> 4), pitch);

    /// <summary>
    /// Where a lane reads a 32-bit value of the head: column lane / 4 of a fragment of eight, and key 2 (lane mod 4) or
    /// the next.
    /// </summary>
    public static int ValueFragment32(int lane, int fragment, int odd, int pitch) =>
        ByteOffset((lane & 3) * 2 + odd, 2 * fragment + (lane >> 4), pitch) + ((lane >> 2) & 3) * sizeof(float);

    /// <summary>
    /// Copies 8192 bytes of rows, four chunks per thread. Rows past the last token become zeros. Chunks past the end of
    /// the head are skipped.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyTile(long source, int rowBytes, int strideBytes, int firstRow, int rowCount, int target, int thread)
    {
        int pitch = Pitch(rowBytes);
        int chunksPerRow = pitch / TileLayout.ChunkBytes;
        int passRows = Threads / chunksPerRow;
        int chunk = thread & (chunksPerRow - 1);
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
        TileCopy.Start(
            target, source + (row < rowCount ? (long)row * strideBytes : 0L), row < rowCount ? TileLayout.ChunkBytes : 0);

    /// <summary>Loads 16 values of the head for 32 keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadValues16(int group, int values, int lane, int pitch)
    {
        int fragment = values + ValueFragment16(lane, group, pitch);
        CudaAsm.Emit(AttentionText.LoadValues16, fragment, fragment + 16 * pitch);
    }
}
