using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>How large a warp's tile is, how many warps share a group's, and how many slices of k are in shared memory at once.</summary>
internal interface IGemmTile
{
    /// <summary>Fragments of 16 rows of a warp's tile: 2 or 4.</summary>
    static abstract int RowFragments { get; }

    /// <summary>Halves of 32 columns of a warp's tile: 1 or 2.</summary>
    static abstract int ColumnHalves { get; }

    /// <summary>Warps on top of each other.</summary>
    static abstract int WarpRows { get; }

    /// <summary>Warps side by side.</summary>
    static abstract int WarpColumns { get; }

    /// <summary>Slices of k in shared memory: one is multiplied while the others arrive.</summary>
    static abstract int Stages { get; }

    /// <summary>Declares <c>tiles</c>: Stages * (rows + columns) * 64 bytes.</summary>
    static abstract void DeclareTiles();

    /// <summary>Waits until all of this thread's copies but the newest Stages - 2 groups have arrived.</summary>
    static abstract void WaitForSlice();
}

/// <summary>
/// 128 x 128 by four warps of 64 x 64, three slices, all of the 48 KiB of static shared memory: for batches that fill the device. With 64 x 64 a warp
/// reads 4 KiB of shared memory for 65536 multiply-adds; 64 x 32 would read 3 KiB for half as many, which the multiprocessor cannot deliver as fast.
/// </summary>
internal readonly struct Tile128X128 : IGemmTile
{
    public static int RowFragments => 4;

    public static int ColumnHalves => 2;

    public static int WarpRows => 2;

    public static int WarpColumns => 2;

    public static int Stages => 3;

    public static void DeclareTiles() => CudaAsm.Emit(".shared .align 128 .b8 tiles[49152];");

    public static void WaitForSlice() => CudaAsm.Emit("cp.async.wait_group 1;");
}

/// <summary>
/// 64 x 64 by four warps of 32 x 32, one for each scheduler of a multiprocessor, six slices, 48 KiB: for few rows, where more groups matter more than
/// reuse, and a group is often alone, so that the copies' latency has to be hidden by slices in flight.
/// </summary>
internal readonly struct Tile64X64 : IGemmTile
{
    public static int RowFragments => 2;

    public static int ColumnHalves => 1;

    public static int WarpRows => 2;

    public static int WarpColumns => 2;

    public static int Stages => 6;

    public static void DeclareTiles() => CudaAsm.Emit(".shared .align 128 .b8 tiles[49152];");

    public static void WaitForSlice() => CudaAsm.Emit("cp.async.wait_group 4;");
}
