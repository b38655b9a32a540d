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

    /// <summary>Declares <c>tiles</c>, Stages * (rows + columns) * 64 bytes, and the registers that what follows names.</summary>
    static abstract void Declare();

    /// <summary>Sets the sums to zero.</summary>
    static abstract void Clear();

    /// <summary>Waits until all of this thread's copies but the newest Stages - 2 groups have arrived.</summary>
    static abstract void WaitForSlice();

    /// <summary>Loads the fragments of half a slice from bytes of the tiles; see <see cref="TileLayout"/>.</summary>
    static abstract void LoadFragments(int input, int weight);

    /// <summary>sums += a b over half a slice: bfloat16, 16 values of k.</summary>
    static abstract void MultiplyBFloat16();

    /// <summary>sums += a b over half a slice: float16, 16 values of k.</summary>
    static abstract void MultiplyFloat16();

    /// <summary>sums += a b over half a slice: tf32, 8 values of k.</summary>
    static abstract void MultiplyTensorFloat32();

    /// <summary>Takes all sums through shared memory, which the slices no longer need, to the epilogue.</summary>
    static abstract void Finish<TFormat, TEpilogue>(WarpOutput output)
        where TFormat : struct, ITensorFormat
        where TEpilogue : struct, ITensorEpilogue<TFormat>;
}
