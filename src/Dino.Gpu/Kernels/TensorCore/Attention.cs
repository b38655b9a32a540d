using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Sizes of an attention with heads of 64 values: qkv is (images * tokens, 3 * heads * 64), queries first, then keys, then values.</summary>
internal readonly struct TensorAttentionShape
{
    /// <summary>log2 e / sqrt(64): powers are of 2.</summary>
    public const float Scale = 1.44269504f / 8f;

    public TensorAttentionShape(int tokenCount, int queryCount, int headCount)
    {
        TokenCount = tokenCount;
        QueryCount = queryCount;
        HeadCount = headCount;
    }

    /// <summary>Keys and values of an image.</summary>
    public int TokenCount { get; }

    /// <summary>Queries of an image, from token 0.</summary>
    public int QueryCount { get; }

    public int HeadCount { get; }
}

/// <summary>
/// Attention on tensor cores with the scores in registers: each group of four warps takes 64 queries of one head and image and walks over tiles of 64 keys;
/// the next tile is copied while one is used. The softmax, in float32, is corrected as the walk goes on, as in the portable kernel.
/// </summary>
internal static class Attention
{
    /// <summary>Queries of a group, and keys of a tile.</summary>
    public const int TileRows = 64;

    /// <summary>Threads of a group.</summary>
    public const int Threads = 128;

    private const int RowBytes = 128;
    private const int TileBytes = TileRows * RowBytes;
    private const int PassRows = Threads / (RowBytes / TileLayout.ChunkBytes);
    private const int PassBytes = PassRows * RowBytes;

    /// <summary>context (images * tokens, heads * 64) = softmax(q k^T / 8) v. Grid: (query tiles, heads, images).</summary>
    /// <param name="qkv">Global address, as the context's 16-byte aligned.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="context">Global address.</param>
    public static void Kernel<TFormat>(long qkv, TensorAttentionShape shape, long context)
        where TFormat : struct, IAttentionFormat
    {
        // Queries, then two slots of keys and values.
        CudaAsm.Emit(".shared .align 128 .b8 tiles[40960];");
        CudaAsm.Emit(AttentionText.Registers);
        CudaAsm.Emit(AttentionText.Clear);
        int thread = Group.IdxX;
        int lane = thread % TileLayout.WarpSize;
        int warp = thread / TileLayout.WarpSize;
        int firstQuery = Grid.IdxX * TileRows;
        int hiddenBytes = shape.HeadCount * RowBytes;
        long firstToken = (long)Grid.IdxZ * shape.TokenCount;
        long query = qkv + firstToken * 3 * hiddenBytes + Grid.IdxY * RowBytes;

        CopyTile(query, 3 * hiddenBytes, firstQuery, shape.TokenCount, 0, thread);
        CopyTile(query + hiddenBytes, 3 * hiddenBytes, 0, shape.TokenCount, TileBytes, thread);
        CopyTile(query + 2 * hiddenBytes, 3 * hiddenBytes, 0, shape.TokenCount, 2 * TileBytes, thread);
        CudaAsm.Emit("cp.async.commit_group;");
        CudaAsm.Emit("cp.async.wait_group 0;");
        CudaAsm.Emit("bar.sync 0;");
        int queryRow = 16 * warp + lane % 16;
        CudaAsm.Emit(
            AttentionText.LoadQueries, ByteOffset(queryRow, lane / 16), ByteOffset(queryRow, 2 + lane / 16), ByteOffset(queryRow, 4 + lane / 16),
            ByteOffset(queryRow, 6 + lane / 16));

        // Keys come as the weight of a product does; values transposed, by ldmatrix.
        int keyRow = lane % 8 + lane / 16 * 8;
        int keyChunk = lane / 8 % 2;
        int valueRow = lane % 16;
        int valueChunk = lane / 16;
        int slot = TileBytes;
        for (int firstKey = 0; firstKey < shape.TokenCount; firstKey += TileRows)
        {
            // This tile has arrived, and all are done with the last one, whose slot is written next.
            CudaAsm.Emit("cp.async.wait_group 0;");
            CudaAsm.Emit("bar.sync 0;");
            int nextSlot = 4 * TileBytes - slot;
            if (firstKey + TileRows < shape.TokenCount)
            {
                CopyTile(query + hiddenBytes, 3 * hiddenBytes, firstKey + TileRows, shape.TokenCount, nextSlot, thread);
                CopyTile(query + 2 * hiddenBytes, 3 * hiddenBytes, firstKey + TileRows, shape.TokenCount, nextSlot + TileBytes, thread);
            }

            CudaAsm.Emit("cp.async.commit_group;");

            CudaAsm.Emit(AttentionText.ClearScores);
            TFormat.MultiplyScores(
                slot + ByteOffset(keyRow, keyChunk), slot + ByteOffset(keyRow, 2 + keyChunk), slot + ByteOffset(keyRow, 4 + keyChunk),
                slot + ByteOffset(keyRow, 6 + keyChunk));
            CudaAsm.Emit(AttentionText.Scale, TensorAttentionShape.Scale);
            if (firstKey + TileRows > shape.TokenCount)
                CudaAsm.Emit(AttentionText.Mask, shape.TokenCount - firstKey - lane % 4 * 2);
            CudaAsm.Emit(AttentionText.Softmax);
            TFormat.PackWeights();
            int values = slot + TileBytes;
            TFormat.MultiplyValues(
                values + ByteOffset(valueRow, valueChunk), values + ByteOffset(valueRow, 2 + valueChunk), values + ByteOffset(valueRow, 4 + valueChunk),
                values + ByteOffset(valueRow, 6 + valueChunk));
            slot = nextSlot;
        }

        CudaAsm.Emit(AttentionText.Finish);
        int row = firstQuery + 16 * warp + lane / 4;
        long target = context + (firstToken + row) * hiddenBytes + Grid.IdxY * RowBytes + lane % 4 * 4;
        if (row < shape.QueryCount)
            TFormat.StoreFirst(target);
        if (row + 8 < shape.QueryCount)
            TFormat.StoreSecond(target + 8L * hiddenBytes);
    }

    /// <summary>Byte of a chunk in a tile; eight rows at one chunk lie on different banks because the row's number exchanges chunks.</summary>
    public static int ByteOffset(int row, int chunk) => row * RowBytes + (chunk ^ (row & 7)) * TileLayout.ChunkBytes;

    /// <summary>64 rows, four chunks a thread; rows past the last token become zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyTile(long source, int strideBytes, int firstRow, int rowCount, int target, int thread)
    {
        int chunk = thread % 8;
        int row = thread / 8;
        int offset = target + ByteOffset(row, chunk);
        long start = source + chunk * TileLayout.ChunkBytes;
        Copy(start, strideBytes, firstRow + row, rowCount, offset);
        Copy(start, strideBytes, firstRow + row + PassRows, rowCount, offset + PassBytes);
        Copy(start, strideBytes, firstRow + row + 2 * PassRows, rowCount, offset + 2 * PassBytes);
        Copy(start, strideBytes, firstRow + row + 3 * PassRows, rowCount, offset + 3 * PassBytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(long source, int strideBytes, int row, int rowCount, int target) =>
        CudaAsm.Emit(
            GemmText.Copy, target, source + (row < rowCount ? (long)row * strideBytes : 0L), row < rowCount ? TileLayout.ChunkBytes : 0);
}
