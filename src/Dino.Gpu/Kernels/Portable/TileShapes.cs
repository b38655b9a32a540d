namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// The tile of a matrix product that one group computes: Side x Side threads, each with 4 * RowQuads rows and 4 *
/// ColumnQuads columns. It is a type parameter of the kernels. So all sizes are constants when ILGPU compiles them, and
/// one source runs in 4x4 groups on ILGPU's CPU accelerator and in 16x16 groups on a GPU. Depth * RowQuads and Depth *
/// ColumnQuads are Side or twice Side, so that every thread loads one or two quads of each input per slice.
/// </summary>
internal interface ITileShape
{
    /// <summary>Threads along x, and along y.</summary>
    static abstract int Side { get; }

    /// <summary>Values of k that are staged in shared memory at a time; a multiple of 4.</summary>
    static abstract int Depth { get; }

    /// <summary>Groups of four rows that a thread computes: 1 or 2.</summary>
    static abstract int RowQuads { get; }

    /// <summary>Groups of four columns that a thread computes: 1 or 2.</summary>
    static abstract int ColumnQuads { get; }

    /// <summary>
    /// Instructions of a thread for a slice of k, of which it multiplies in 16 * Depth * RowQuads * ColumnQuads:
    /// counted by NVIDIA's assembler for sm_90, and compared by a test.
    /// </summary>
    static abstract int SliceInstructions { get; }
}

/// <summary>A tile for attention. ColumnQuads is 1 and Depth is Side.</summary>
internal interface IAttentionTile : ITileShape;

/// <summary>
/// 128x128 in 16x16 threads, 8x8 per thread: 16 multiply-adds per 16-byte load from shared memory. A slice has 8 values
/// of k. So the next slice takes 8 registers while it is loaded, and two groups share a multiprocessor's 65536
/// registers.
/// </summary>
internal readonly struct Tile128x128 : ITileShape
{
    public static int Side => 16;

    public static int Depth => 8;

    public static int RowQuads => 2;

    public static int ColumnQuads => 2;

    public static int SliceInstructions => 653;
}

/// <summary>
/// 128x64 in 16x16 threads, 8x4 per thread: half of the largest tile, for products that 128x128 would spread unevenly
/// over the card.
/// </summary>
internal readonly struct Tile128x64 : IAttentionTile
{
    public static int Side => 16;

    public static int Depth => 16;

    public static int RowQuads => 2;

    public static int ColumnQuads => 1;

    public static int SliceInstructions => 717;
}

/// <summary>64x64 in 16x16 threads, 4x4 per thread.</summary>
internal readonly struct Tile64x64 : IAttentionTile
{
    public static int Side => 16;

    public static int Depth => 16;

    public static int RowQuads => 1;

    public static int ColumnQuads => 1;

    public static int SliceInstructions => 403;
}

/// <summary>
/// 32x32 in 8x8 threads, 4x4 per thread: for one image, for class-token rows, and for devices with small groups or
/// little shared memory.
/// </summary>
internal readonly struct Tile32x32 : IAttentionTile
{
    public static int Side => 8;

    public static int Depth => 8;

    public static int RowQuads => 1;

    public static int ColumnQuads => 1;

    public static int SliceInstructions => 219;
}

/// <summary>
/// 32x32 in 4x4 threads, 8x8 per thread: for ILGPU's default CPU accelerator, whose groups have at most 16 threads.
/// </summary>
internal readonly struct Tile32x32Of4 : ITileShape
{
    public static int Side => 4;

    public static int Depth => 4;

    public static int RowQuads => 2;

    public static int ColumnQuads => 2;

    public static int SliceInstructions => 320; // an estimate: no assembler for the CPU
}

/// <summary>32x16 in 4x4 threads, 8x4 per thread.</summary>
internal readonly struct Tile32x16Of4 : IAttentionTile
{
    public static int Side => 4;

    public static int Depth => 4;

    public static int RowQuads => 2;

    public static int ColumnQuads => 1;

    public static int SliceInstructions => 170; // an estimate: no assembler for the CPU
}

/// <summary>16x16 in 4x4 threads, 4x4 per thread.</summary>
internal readonly struct Tile16x16Of4 : IAttentionTile
{
    public static int Side => 4;

    public static int Depth => 4;

    public static int RowQuads => 1;

    public static int ColumnQuads => 1;

    public static int SliceInstructions => 100; // an estimate: no assembler for the CPU
}
