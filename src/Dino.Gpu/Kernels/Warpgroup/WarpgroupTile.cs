using Dino.Gpu.Kernels.TensorCore;

namespace Dino.Gpu.Kernels.Warpgroup;

/// <summary>
/// The tile of a product with wgmma: the part of the output that a group computes, and the ring of slices of k in its
/// shared memory. A slice is 64 values of each row of input and weight. Each warpgroup computes 64 rows.
/// </summary>
/// <param name="Warpgroups">Warpgroups of a group.</param>
/// <param name="Columns">Columns of the output: a power of two up to 256.</param>
/// <param name="Stages">Slices in shared memory: one is multiplied while the others arrive.</param>
/// <param name="GroupsOfOne">Groups that a multiprocessor is to hold at once; the assembler leaves registers for them.</param>
/// <param name="SliceInstructions">Instructions of a warp for a slice as NVIDIA's assembler counts them.</param>
/// <param name="OtherInstructions">Those before and behind the loop over slices, in a product that only stores.</param>
internal sealed record WarpgroupTile(
    int Warpgroups, int Columns, int Stages, int GroupsOfOne, int SliceInstructions, int OtherInstructions)
{
    /// <summary>
    /// 128 x 128, for batches that fill the device. Two groups share a multiprocessor, so that one multiplies while the
    /// other stores: at K = 384 the loop has six slices, and what is behind it counts.
    /// </summary>
    public static WarpgroupTile Large { get; } =
        new(Warpgroups: 2, Columns: 128, Stages: 3, GroupsOfOne: 2, SliceInstructions: 86, OtherInstructions: 430);

    /// <summary>64 x 64, for few rows, where more groups matter more than reuse.</summary>
    public static WarpgroupTile Small { get; } =
        new(Warpgroups: 1, Columns: 64, Stages: 4, GroupsOfOne: 3, SliceInstructions: 86, OtherInstructions: 340);

    /// <summary>All of them, the largest first.</summary>
    public static IReadOnlyList<WarpgroupTile> All { get; } = [Large, Small];

    /// <summary>Rows of the output.</summary>
    public int Rows => Warpgroups * WarpgroupLayout.Rows;

    public int Threads => Warpgroups * WarpgroupLayout.Threads;

    /// <summary>Sums of a thread: 64 rows by Columns, over 128 threads.</summary>
    public int Sums => WarpgroupLayout.Rows * Columns / WarpgroupLayout.Threads;

    /// <summary>Bytes of a slice of the input.</summary>
    public int InputBytes => Rows * WarpgroupLayout.RowBytes;

    /// <summary>Bytes of a slice of input and weight.</summary>
    public int StageBytes => (Rows + Columns) * WarpgroupLayout.RowBytes;

    /// <summary>Rows that the group copies at once, of 128 bytes each: a multiple of 8.</summary>
    public int PassRows => Threads * TileLayout.ChunkBytes / WarpgroupLayout.RowBytes;

    /// <summary>Copies of a thread for a slice of the input.</summary>
    public int InputCopies => Rows / PassRows;

    /// <summary>Copies of a thread for a slice.</summary>
    public int Copies => (Rows + Columns) / PassRows;

    /// <summary>
    /// Bytes of shared memory: the ring, which later holds the results on their way out, and what rounding its address up
    /// to a multiple of 1024 takes.
    /// </summary>
    public int SharedBytes => Stages * StageBytes + WarpgroupLayout.PatternBytes;
}
