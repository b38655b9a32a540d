namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// How large a warp's tile is, how many warps share a group's, and how many slices of k are in shared memory at once;
/// and the texts that follow from it, which name registers. <c>Generator</c> writes the types.
/// </summary>
internal interface IGemmTile
{
    /// <summary>Fragments of 16 rows of a warp's tile.</summary>
    static abstract int RowFragments { get; }

    /// <summary>Halves of 32 columns of a warp's tile.</summary>
    static abstract int ColumnHalves { get; }

    /// <summary>Warps on top of each other.</summary>
    static abstract int WarpRows { get; }

    /// <summary>Warps side by side.</summary>
    static abstract int WarpColumns { get; }

    /// <summary>Slices of k in shared memory: one is multiplied while the others arrive.</summary>
    static abstract int Stages { get; }

    /// <summary>
    /// Declares <c>tiles</c>, Stages * (rows + columns) * 64 bytes, and the registers that what follows names.
    /// </summary>
    static abstract void Declare();

    /// <summary>
    /// Bytes of the first slice's tiles: where a thread copies to, where a lane reads fragments of each half.
    /// </summary>
    static abstract void SetPlaces(int copy, int input0, int input1, int weight0, int weight1);

    /// <summary>Where a thread copies from.</summary>
    static abstract void SetSources(CopyPlan plan);

    /// <summary>The sums start as zero.</summary>
    static abstract void ClearSums();

    /// <summary>The sums start as the bias of their columns.</summary>
    /// <param name="bias">Global address of the value of this lane's first column.</param>
    /// <param name="columns">Columns from the warp's first to the last of the output.</param>
    static abstract void SetSums(long bias, int columns);

    /// <summary>sums += a b over all slices.</summary>
    static abstract void MultiplySlices<TFormat>(int slices)
        where TFormat : struct, ITensorFormat;

    /// <summary>The fragments of the first half of the first slice.</summary>
    static abstract void LoadFragments();

    /// <summary>sums += a b over half a slice: bfloat16, 16 values of k.</summary>
    static abstract void MultiplyBFloat16();

    /// <summary>sums += a b over half a slice: float16, 16 values of k.</summary>
    static abstract void MultiplyFloat16();

    /// <summary>sums += a b over half a slice: tf32, 8 values of k.</summary>
    static abstract void MultiplyTensorFloat32();

    /// <summary>
    /// Takes all sums through the epilogue and shared memory, which the slices no longer need, to the output.
    /// </summary>
    static abstract void Finish<TFormat, TEpilogue>(WarpOutput output)
        where TFormat : struct, ITensorFormat
        where TEpilogue : struct, ITensorEpilogue<TFormat>;
}
