namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// How many threads share a tile. A type parameter of every kernel with shared memory, so that its sizes are constants when ILGPU
/// compiles it, and one text runs in 4x4 groups on ILGPU's CPU accelerator and in 16x16 on a GPU.
/// </summary>
internal interface ITileShape
{
    /// <summary>Threads along x, and as many along y; a power of two.</summary>
    static abstract int Side { get; }

    /// <summary>Columns of the two inputs that a matrix product stages in shared memory at a time.</summary>
    static abstract int Depth { get; }
}

/// <summary>4x4 threads: ILGPU's default CPU accelerator stops at 16.</summary>
internal readonly struct Tile4 : ITileShape
{
    public static int Side => 4;

    public static int Depth => 8;
}

/// <summary>8x8 threads, for devices with small groups or little shared memory.</summary>
internal readonly struct Tile8 : ITileShape
{
    public static int Side => 8;

    public static int Depth => 16;
}

/// <summary>16x16 threads: GPUs.</summary>
internal readonly struct Tile16 : ITileShape
{
    public static int Side => 16;

    public static int Depth => 16;
}
