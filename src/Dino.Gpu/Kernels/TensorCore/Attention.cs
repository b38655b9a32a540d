using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
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
/// softmax, in float32, is corrected during the walk, as in the portable kernel, but only where a weight would exceed
/// 2^8: a row's weights are relative to the highest score of the step that corrected it last. Whether a row is corrected
/// depends on its own scores alone.
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
    /// Groups for which a Hopper multiprocessor has shared memory, where a head's row is at most 128 bytes. Then a thread
    /// may have 96 registers; the assembler would take four more, and a group would have no room.
    /// </summary>
    private const int GroupsOfOne = 5;

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
        CudaAsm.Emit(
            AttentionText.KeyPlaces, KeyFragment(lane, 0, pitch), KeyFragment(lane, 1, pitch), KeyFragment(lane, 2, pitch),
            KeyFragment(lane, 3, pitch));
        CudaAsm.Emit(
            AttentionText.ValuePlaces, TFormat.ValuePlace(lane, 0, pitch), TFormat.ValuePlace(lane, 1, pitch),
            TFormat.ValuePlace(lane, 2, pitch), TFormat.ValuePlace(lane, 3, pitch));

        // Each thread copies the same chunk of each of its rows.
        int chunksPerRow = pitch / TileLayout.ChunkBytes;
        int chunk = thread & (chunksPerRow - 1);
        int row = thread / chunksPerRow;
        bool copies = rowBytes == pitch || chunk * TileLayout.ChunkBytes < rowBytes;
        int offset = ByteOffset(row, chunk, pitch);
        int strideBytes = 3 * hiddenBytes;
        int passBytes = Threads / chunksPerRow * strideBytes;
        long source = qkv + (firstToken + row) * strideBytes + Grid.IdxY * rowBytes + chunk * TileLayout.ChunkBytes;
        long query = source + (long)firstQuery * strideBytes;
        int count = shape.TokenCount - row;
        if (copies)
        {
            CopyTile(query, passBytes, count - firstQuery, offset, pitch);
            if (queryBytes > TileBytes)
                CopyTile(query + 4 * passBytes, passBytes, count - firstQuery - tileRows, TileBytes + offset, pitch);
        }

        long key = source + hiddenBytes;
        if (copies)
            CopyKeys(key, hiddenBytes, passBytes, count, queryBytes + offset, pitch);
        CudaAsm.Emit("cp.async.commit_group;");
        CudaAsm.Emit("cp.async.wait_group 0;");
        CudaAsm.Emit("bar.sync 0;");
        HeadPieces.ForEach<QueryLoad, QueryPlace>(rowBytes / 32, new QueryPlace(16 * warp, lane, pitch));

        int slot = queryBytes;
        for (int left = shape.TokenCount; left > 0; left -= tileRows)
        {
            // Now this tile has arrived, and all warps are done with the last one, whose slot is written next.
            CudaAsm.Emit("cp.async.wait_group 0;");
            CudaAsm.Emit("bar.sync 0;");
            int nextSlot = 2 * queryBytes + 2 * TileBytes - slot;
            key += 4 * passBytes;
            if (copies && left > tileRows)
                CopyKeys(key, hiddenBytes, passBytes, left - tileRows - row, nextSlot + offset, pitch);
            CudaAsm.Emit("cp.async.commit_group;");

            // A step without any key is skipped, so every step's maximum is a score.
            for (int first = 0; first < tileRows && first < left; first += StepKeys)
            {
                int keys = slot + first * pitch;
                CudaAsm.Emit(AttentionText.ClearScores);
                HeadPieces.ForEach<ScoreProduct<TFormat>, TilePlace>(rowBytes / 32, new TilePlace(keys, pitch));
                if (first + StepKeys > left)
                    CudaAsm.Emit(AttentionText.Mask, left - first - (lane & 3) * 2);
                CudaAsm.Emit(AttentionText.Softmax, shape.Scale);
                TFormat.PackWeights();
                HeadPieces.ForEach<ValueProduct<TFormat>, TilePlace>(THead.Size / 16, new TilePlace(keys + TileBytes, pitch));
            }

            slot = nextSlot;
        }

        CudaAsm.Emit(AttentionText.Finish);
        int queryRow = firstQuery + 16 * warp + lane / 4;
        long target = context + (firstToken + queryRow) * hiddenBytes + Grid.IdxY * rowBytes;
        if (queryRow < shape.QueryCount)
            HeadPieces.ForEach<StoreFirst<TFormat>, OutputPlace>(THead.Size / 16, new OutputPlace(target, lane));
        if (queryRow + 8 < shape.QueryCount)
            HeadPieces.ForEach<StoreSecond<TFormat>, OutputPlace>(THead.Size / 16, new OutputPlace(target + 8L * hiddenBytes, lane));
    }

    /// <summary>What the assembler is told about a kernel.</summary>
    public static KernelSpecialization Specialization<TFormat, THead>()
        where TFormat : struct, ITensorFormat
        where THead : struct, IHeadSize =>
        Pitch(THead.Size * TFormat.ElementSize) == 128 ? new(Threads, GroupsOfOne) : KernelSpecialization.Empty;

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
    /// Where a lane reads two 32-bit values of the head: columns 2 (lane / 4) and the next of 16, and key 2 (lane mod 4)
    /// or the next.
    /// </summary>
    public static int ValueFragment32(int lane, int group, int odd, int pitch) =>
        ByteOffset((lane & 3) * 2 + odd, 4 * group + (lane >> 3), pitch) + ((lane >> 2) & 1) * 2 * sizeof(float);

    /// <summary>Starts to copy a tile of keys, and the values behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyKeys(long key, int hiddenBytes, int passBytes, int count, int target, int pitch)
    {
        CopyTile(key, passBytes, count, target, pitch);
        CopyTile(key + hiddenBytes, passBytes, count, target + TileBytes, pitch);
    }

    /// <summary>
    /// Starts to copy a thread's four chunks of 8192 bytes of rows. Rows past the last token become zeros.
    /// </summary>
    /// <param name="source">Global address of the thread's chunk in its first row.</param>
    /// <param name="passBytes">Bytes from there to its chunk in the row that it copies next.</param>
    /// <param name="count">Tokens from the thread's first row on.</param>
    /// <param name="target">Byte of the tiles for the first chunk.</param>
    /// <param name="pitch">Bytes from one row of the tile to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyTile(long source, int passBytes, int count, int target, int pitch)
    {
        int passRows = Threads / (pitch / TileLayout.ChunkBytes);
        Copy(source, count > 0, target);
        Copy(source + passBytes, count > passRows, target + passRows * pitch);
        Copy(source + 2 * passBytes, count > 2 * passRows, target + 2 * passRows * pitch);
        Copy(source + 3 * passBytes, count > 3 * passRows, target + 3 * passRows * pitch);
    }

    /// <summary>A copy of no bytes reads no memory, so its address may lie behind the last token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(long source, bool exists, int target) => TileCopy.Start(target, source, exists ? TileLayout.ChunkBytes : 0);
}
