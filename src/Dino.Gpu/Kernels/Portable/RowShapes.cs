namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// The group of a kernel that works row by row. Threads along x share a row, and a group has Rows rows along y.
/// </summary>
internal interface IRowShape
{
    /// <summary>Threads per row; a power of two.</summary>
    static abstract int Threads { get; }

    /// <summary>Rows per group.</summary>
    static abstract int Rows { get; }
}

/// <summary>8 rows of 32 threads, for GPUs.</summary>
internal readonly struct Rows8x32 : IRowShape
{
    public static int Threads => 32;

    public static int Rows => 8;
}

/// <summary>4 rows of 16 threads, for devices with small groups.</summary>
internal readonly struct Rows4x16 : IRowShape
{
    public static int Threads => 16;

    public static int Rows => 4;
}

/// <summary>4 rows of 4 threads, for ILGPU's default CPU accelerator, whose groups have at most 16.</summary>
internal readonly struct Rows4x4 : IRowShape
{
    public static int Threads => 4;

    public static int Rows => 4;
}
