namespace Dino.Gpu.Kernels.Portable;

/// <summary>
/// The group of a kernel that works row by row: Threads along x share a row, and the group has Rows of them along y.
/// </summary>
internal interface IRowShape
{
    /// <summary>Threads of a row; a power of two.</summary>
    static abstract int Threads { get; }

    /// <summary>Rows of a group.</summary>
    static abstract int Rows { get; }
}

/// <summary>8 rows of 32 threads: GPUs.</summary>
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

/// <summary>4 rows of 4 threads: ILGPU's default CPU accelerator stops at 16.</summary>
internal readonly struct Rows4x4 : IRowShape
{
    public static int Threads => 4;

    public static int Rows => 4;
}
