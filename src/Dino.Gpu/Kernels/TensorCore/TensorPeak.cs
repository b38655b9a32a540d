using ILGPU;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Measures the peak of the matrix units: nothing but products in registers.</summary>
internal static class TensorPeak
{
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
        Tile128X128.ClearSums();
        Tile128X128.LoadFragments();
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
