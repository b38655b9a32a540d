namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// The tile of a matrix product that one group computes: Side x Side threads, each with 4 * RowQuads rows and 4 *
/// ColumnQuads columns. A type parameter of the kernels, so that all sizes are constants when ILGPU compiles them, and
/// one text runs in 4x4 groups on ILGPU's CPU accelerator and in 16x16 on a GPU. Depth * RowQuads and Depth *
/// ColumnQuads are Side or twice that: every thread then loads one or two quads of each input a slice.
/// </summary>
internal interface ITileShape
{
    /// <summary>Threads along x, and as many along y.</summary>
    static abstract int Side { get; }

    /// <summary>Values of k that are staged in shared memory at a time; a multiple of 4.</summary>
    static abstract int Depth { get; }

    /// <summary>Groups of four rows a thread computes: 1 or 2.</summary>
    static abstract int RowQuads { get; }

    /// <summary>Groups of four columns a thread computes: 1 or 2.</summary>
    static abstract int ColumnQuads { get; }
}

/// <summary>A tile for attention: ColumnQuads is 1 and Depth is Side.</summary>
internal interface IAttentionTile : ITileShape;

/// <summary>
/// 128x128 in 16x16 threads, 8x8 a thread: 16 multiply-adds a 16-byte load from shared memory. Slices of 8, so that
/// what is in flight for the next one takes 8 registers, and two groups share a multiprocessor's 65536.
/// </summary>
internal readonly struct Tile128x128 : ITileShape
{
    public static int Side => 16;

    public static int Depth => 8;

    public static int RowQuads => 2;

    public static int ColumnQuads => 2;
}

/// <summary>
/// 128x64 in 16x16 threads, 8x4 a thread: half the tile, for products that 128x128 would spread unevenly over the card.
/// </summary>
internal readonly struct Tile128x64 : IAttentionTile
{
    public static int Side => 16;

    public static int Depth => 16;

    public static int RowQuads => 2;

    public static int ColumnQuads => 1;
}

/// <summary>64x64 in 16x16 threads, 4x4 a thread.</summary>
internal readonly struct Tile64x64 : IAttentionTile
{
    public static int Side => 16;

    public static int Depth => 16;

    public static int RowQuads => 1;

    public static int ColumnQuads => 1;
}

/// <summary>
/// 32x32 in 8x8 threads, 4x4 a thread: one image, class-token rows, and devices with small groups or little shared
/// memory.
/// </summary>
internal readonly struct Tile32x32 : IAttentionTile
{
    public static int Side => 8;

    public static int Depth => 8;

    public static int RowQuads => 1;

    public static int ColumnQuads => 1;
}

/// <summary>32x32 in 4x4 threads, 8x8 a thread: ILGPU's default CPU accelerator stops at 16 threads.</summary>
internal readonly struct Tile32x32Of4 : ITileShape
{
    public static int Side => 4;

    public static int Depth => 4;

    public static int RowQuads => 2;

    public static int ColumnQuads => 2;
}

/// <summary>32x16 in 4x4 threads, 8x4 a thread.</summary>
internal readonly struct Tile32x16Of4 : IAttentionTile
{
    public static int Side => 4;

    public static int Depth => 4;

    public static int RowQuads => 2;

    public static int ColumnQuads => 1;
}

/// <summary>16x16 in 4x4 threads, 4x4 a thread.</summary>
internal readonly struct Tile16x16Of4 : IAttentionTile
{
    public static int Side => 4;

    public static int Depth => 4;

    public static int RowQuads => 1;

    public static int ColumnQuads => 1;
}
