namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The tile of a matrix product: the size of a warp's tile, the number of warps in a group, and the number of slices of
/// k in shared memory. Its methods emit PTX that names registers. <c>Generator</c> writes the types.
/// </summary>
internal interface IGemmTile
{
    /// <summary>Fragments of 16 rows of a warp's tile.</summary>
    static abstract int RowFragments { get; }

    /// <summary>Halves of 32 columns of a warp's tile.</summary>
    static abstract int ColumnHalves { get; }

    /// <summary>Rows of warps in a group.</summary>
    static abstract int WarpRows { get; }

    /// <summary>Columns of warps in a group.</summary>
    static abstract int WarpColumns { get; }

    /// <summary>Slices of k in shared memory: one is multiplied while the others arrive.</summary>
    static abstract int Stages { get; }

    /// <summary>Instructions of a warp for a slice of k as NVIDIA's assembler counts them for sm_90.</summary>
    static abstract int SliceInstructions { get; }

    /// <summary>Those before and behind the loop over slices, in a product that only stores.</summary>
    static abstract int OtherInstructions { get; }

    /// <summary>
    /// Declares <c>tiles</c>, Stages * (rows + columns) * 64 bytes, and the registers that the other methods name.
    /// </summary>
    static abstract void Declare();

    /// <summary>
    /// Sets places as bytes of the first slice's tiles: where a thread copies to, and where a lane reads fragments of
    /// each half.
    /// </summary>
    static abstract void SetPlaces(int copy, int input0, int input1, int weight0, int weight1);

    /// <summary>Sets the addresses that a thread copies from.</summary>
    static abstract void SetSources(CopyPlan plan);

    /// <summary>Sets the sums to zero.</summary>
    static abstract void ClearSums();

    /// <summary>Sets the sums to the bias of their columns.</summary>
    /// <param name="bias">Global address of the value of this lane's first column.</param>
    /// <param name="columns">Columns from the warp's first to the last of the output.</param>
    static abstract void SetSums(long bias, int columns);

    /// <summary>
    /// The same, where each lane has four neighboring columns of 16 (see <see cref="TileLayout.QuadColumn"/>).
    /// </summary>
    /// <param name="bias">Global address of the value of this lane's first column, 16-byte aligned.</param>
    /// <param name="columns">Columns from the lane's first to the last of the output.</param>
    static abstract void SetQuadSums(long bias, int columns);

    /// <summary>Loads the gains of the columns, as <see cref="SetQuadSums"/> loads their bias.</summary>
    /// <param name="gains">Global address of the value of this lane's first column, 16-byte aligned.</param>
    /// <param name="columns">Columns from the lane's first to the last of the output.</param>
    static abstract void SetGains(long gains, int columns);

    /// <summary>Sets the gains to 1, by which a fused multiplication and addition is an addition.</summary>
    static abstract void SetUnitGains();

    /// <summary>sums += a b over all slices.</summary>
    static abstract void MultiplySlices<TFormat>(int slices)
        where TFormat : struct, ITensorFormat;

    /// <summary>Loads the fragments of the first half of the first slice.</summary>
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

    /// <summary>
    /// Adds the sums of <see cref="SetQuadSums"/>, times their gains, to the rows of the output that
    /// <see cref="WarpOutput.SetQuads"/> has set, where <see cref="WarpOutput.IsWhole"/> holds.
    /// </summary>
    static abstract void AddWhole();

    /// <summary>The same, where it does not.</summary>
    static abstract void AddPart();
}
