using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Products in registers and nothing else: what the matrix units can do.</summary>
internal static class TensorPeak
{
    /// <summary>Each warp multiplies its 64x32 fragments over and over. The sums are staged, so that they are not left out.</summary>
    public static void Kernel<TFormat>(int iterations)
        where TFormat : struct, ITensorFormat
    {
        Tile64X64.DeclareTiles();
        CudaAsm.Emit(GemmText.Registers);
        CudaAsm.Emit(GemmText.Clear);
        int lane = Group.IdxX % TileLayout.WarpSize;
        int staged = TileLayout.StagedFragment(Group.IdxX / TileLayout.WarpSize, lane);
        CudaAsm.Emit(GemmText.StageRow0, staged);
        CudaAsm.Emit(GemmText.LoadFragments, TileLayout.InputFragment(lane, 0, 0), TileLayout.WeightFragment(lane, 0, 0));
        for (int i = 0; i < iterations; i++)
            TFormat.Multiply();
        CudaAsm.Emit(GemmText.StageRow0, staged);
        CudaAsm.Emit(GemmText.StageRow1, staged);
        CudaAsm.Emit(GemmText.StageRow2, staged);
        CudaAsm.Emit(GemmText.StageRow3, staged);
    }

    /// <summary>Floating-point operations of one warp: 64 x 32 sums over 32 bytes of k, two operations a term.</summary>
    public static double Operations<TFormat>(int iterations)
        where TFormat : struct, ITensorFormat =>
        2.0 * TileLayout.WarpTileRows * TileLayout.WarpTileColumns * (32 / TFormat.ElementSize) * iterations;
}
