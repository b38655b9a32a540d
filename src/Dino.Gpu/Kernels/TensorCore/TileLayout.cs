namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// Where everything is in a matrix product on tensor cores. These are pure functions, the same for every element type,
/// because they count in bytes. A slice of k is 64 bytes per row (32 values of 16 bits or 16 of 32), in four chunks of
/// 16 bytes. A chunk is the unit that cp.async copies, and a row of an 8x8 matrix of ldmatrix. Products are computed in
/// fragments of 16 rows by 8 columns. Remainders by powers of two are written with &amp;, because % of a signed number
/// becomes a multiplication by a reciprocal, which the assembler repeats in loops.
/// </summary>
internal static class TileLayout
{
    /// <summary>Lanes of a warp, on every NVIDIA GPU with tensor cores.</summary>
    public const int WarpSize = 32;

    /// <summary>Rows of a fragment.</summary>
    public const int FragmentRows = 16;

    /// <summary>Columns of half a warp's tile: four fragments of 8.</summary>
    public const int HalfColumns = 32;

    /// <summary>Bytes of a row in one slice of k.</summary>
    public const int RowBytes = 64;

    /// <summary>Bytes of one copy.</summary>
    public const int ChunkBytes = 16;

    private const int ChunksPerRow = RowBytes / ChunkBytes;

    /// <summary>
    /// The byte of a chunk in a tile of rows. ldmatrix reads eight rows at one chunk at a time, which span 512 bytes.
    /// Exchanging chunks by the row's number puts them on 32 different banks, and keeps a copy's 128 bytes contiguous.
    /// </summary>
    public static int ByteOffset(int row, int chunk) => row * RowBytes + (chunk ^ ((row >> 1) & 3)) * ChunkBytes;

    /// <summary>The tile row that a thread copies first. Four neighboring threads copy one row.</summary>
    public static int CopyRow(int thread) => thread / ChunksPerRow;

    /// <summary>The chunk that a thread copies of each of its rows.</summary>
    public static int CopyChunk(int thread) => thread & (ChunksPerRow - 1);

    /// <summary>
    /// The column of the output whose weights lie in a row of the tile, if each lane is to have four neighbors of 16.
    /// mma gives a lane columns 2 l and 2 l + 1 of a fragment, with l = lane mod 4: column 4 l + 2 h + e of 16 is
    /// column 2 l + e of fragment h.
    /// </summary>
    public static int QuadColumn(int row) => (row & ~15) | ((row & 6) << 1) | ((row & 8) >> 2) | (row & 1);

    /// <summary>
    /// Rows that a group copies at once: a multiple of 16, so that columns change places within a pass, and the
    /// exchange of chunks is the same in every pass.
    /// </summary>
    public static int CopyPassRows(int threads) => threads / ChunksPerRow;

    /// <summary>Bytes from one copy of a thread to its next.</summary>
    public static int CopyPassBytes(int threads) => threads * ChunkBytes;

    /// <summary>
    /// Where a lane points ldmatrix for a fragment's 16 rows of the input in half <paramref name="step"/> of the slice.
    /// Lanes 0 to 7 point to the first eight rows and 8 to 15 to the other eight; lanes 16 to 31 point to the same rows
    /// one chunk further. Fragment i is 1024 i bytes further.
    /// </summary>
    public static int InputFragment(int lane, int firstRow, int step) =>
        ByteOffset(firstRow + (lane & 15), 2 * step + (lane >> 4));

    /// <summary>
    /// Where a lane points ldmatrix for two 8-column fragments of the weight, whose rows are output columns. Lanes 0 to
    /// 7 point to the first fragment and 8 to 15 to the same one a chunk further; lanes 16 to 31 point to the second
    /// fragment. Pair i is 1024 i bytes further.
    /// </summary>
    public static int WeightFragment(int lane, int firstColumn, int step) =>
        ByteOffset(firstColumn + (lane & 7) + (lane >> 4) * 8, 2 * step + ((lane >> 3) & 1));

    /// <summary>
    /// Bytes from one staged row of a warp's results to the next: 16 or 32 more than a row takes. One store writes two
    /// columns of each of eight rows (of four, with 4 bytes per value), and this puts them on different banks.
    /// </summary>
    public static int StagedPitch(int columns, int size) => columns * size + (size > 2 ? 8 * size : ChunkBytes);

    /// <summary>Fragment rows that are staged at a time: all of them, or two if a value takes 4 bytes.</summary>
    public static int StagedFragments(int rowFragments, int size) => size == sizeof(float) ? 2 : rowFragments;

    /// <summary>
    /// Where a lane stages the first two results of the first fragment, as mma leaves them: row lane / 4, columns 2
    /// (lane mod 4) and the next.
    /// </summary>
    public static int StagedFragment(int warp, int lane, int rowFragments, int columns, int size) =>
        warp * StagedWarpBytes(rowFragments, columns, size) + lane / 4 * StagedPitch(columns, size) + (lane & 3) * 2 * size;

    /// <summary>
    /// Where a lane finds the 16 bytes that it stores first. Neighboring lanes store the bytes of a row.
    /// </summary>
    public static int StagedChunk(int warp, int lane, int rowFragments, int columns, int size)
    {
        int lanes = columns * size / ChunkBytes;
        return warp * StagedWarpBytes(rowFragments, columns, size)
            + lane / lanes * StagedPitch(columns, size) + (lane & (lanes - 1)) * ChunkBytes;
    }

    /// <summary>Bytes that a warp stages at a time.</summary>
    public static int StagedWarpBytes(int rowFragments, int columns, int size) =>
        StagedFragments(rowFragments, size) * FragmentRows * StagedPitch(columns, size);
}
