using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Measures the peak of the matrix units: nothing but products in registers.</summary>
internal static class TensorPeak
{
    /// <summary>Bytes that each of the 128 threads fills: together the 64 rows that the fragments are read from.</summary>
    private const int FilledBytes = 32;

    /// <summary>
    /// Each warp multiplies its 64x64 fragments again and again. The sums are staged, so that the assembler does not
    /// drop them.
    /// </summary>
    public static void Kernel<TFormat>(int iterations)
        where TFormat : struct, ITensorFormat
    {
        Tile128X128.Declare();
        int lane = Group.IdxX & (TileLayout.WarpSize - 1);
        int warp = Group.IdxX / TileLayout.WarpSize;
        int input = TileLayout.InputFragment(lane, 0, 0);
        int weight = TileLayout.WeightFragment(lane, 0, 0);
        Tile128X128.SetPlaces(0, input, input, weight, weight);

        // Ordinary numbers in every format, other ones in each thread: a card's clock depends on what it multiplies.
        CudaAsm.Emit(
            "add.u32 address, tilesBase, %0; st.shared.v4.b32 [address], {%1, %1, %1, %1};\n\t"
            + "st.shared.v4.b32 [address+16], {%1, %1, %1, %1};",
            Group.IdxX * FilledBytes,
            0x3c003c00u + (uint)Group.IdxX * 0x00050003u);
        CudaAsm.Emit("bar.sync 0;");
        Tile128X128.ClearSums();
        Tile128X128.LoadFragments();
        CudaAsm.Emit("bar.sync 0;"); // the results are staged where others have read
        for (int i = 0; i < iterations; i++)
            TFormat.Multiply<Tile128X128>();
        Tile128X128.Finish<TFormat, StoreFloatEpilogue<TFormat>>(new WarpOutput(default, 0, 0, 0, warp, lane));
    }

    /// <summary>
    /// Floating-point operations of one group: 128 x 128 sums over 32 bytes of k, two operations per term.
    /// </summary>
    public static double Operations<TFormat>(int iterations)
        where TFormat : struct, ITensorFormat =>
        2.0 * Gemm.TileRows<Tile128X128>() * Gemm.TileColumns<Tile128X128>() * (32 / TFormat.ElementSize) * iterations;
}
