using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>How many warps share a group's tile, and how many slices of k are in shared memory at once.</summary>
internal interface IGemmTile
{
    /// <summary>Warps on top of each other, 64 rows each.</summary>
    static abstract int WarpRows { get; }

    /// <summary>Warps side by side, 32 columns each.</summary>
    static abstract int WarpColumns { get; }

    /// <summary>Slices of k in shared memory: one is multiplied while the others arrive.</summary>
    static abstract int Stages { get; }

    /// <summary>Declares <c>tiles</c>: Stages * (rows + columns) * 64 bytes.</summary>
    static abstract void DeclareTiles();

    /// <summary>Waits until all of this thread's copies but the newest Stages - 2 groups have arrived.</summary>
    static abstract void WaitForSlice();
}

/// <summary>128 x 128 by 8 warps, three slices, all of the 48 KiB of static shared memory: for batches that fill the device.</summary>
internal readonly struct Tile128X128 : IGemmTile
{
    public static int WarpRows => 2;

    public static int WarpColumns => 4;

    public static int Stages => 3;

    public static void DeclareTiles() => CudaAsm.Emit(".shared .align 128 .b8 tiles[49152];");

    public static void WaitForSlice() => CudaAsm.Emit("cp.async.wait_group 1;");
}

/// <summary>64 x 64 by 2 warps, four slices, 32 KiB: for few rows, where more groups matter more than reuse.</summary>
internal readonly struct Tile64X64 : IGemmTile
{
    public static int WarpRows => 1;

    public static int WarpColumns => 2;

    public static int Stages => 4;

    public static void DeclareTiles() => CudaAsm.Emit(".shared .align 128 .b8 tiles[32768];");

    public static void WaitForSlice() => CudaAsm.Emit("cp.async.wait_group 2;");
}
