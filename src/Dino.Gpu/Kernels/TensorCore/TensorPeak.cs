using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Products in registers and nothing else: what the matrix units can do.</summary>
internal static class TensorPeak
{
    /// <summary>Each warp multiplies its 64x64 fragments over and over. The sums are staged, so that they are not left out.</summary>
    public static void Kernel<TFormat>(int iterations)
        where TFormat : struct, ITensorFormat
    {
        Tile128X128.DeclareTiles();
        CudaAsm.Emit(GemmText.Registers);
        CudaAsm.Emit(GemmText.Clear);
        int lane = Group.IdxX % TileLayout.WarpSize;
        int staged = TileLayout.StagedFragment(Group.IdxX / TileLayout.WarpSize, lane);
        CudaAsm.Emit(GemmText.Stage00, staged);
        CudaAsm.Emit(GemmText.LoadInput, TileLayout.InputFragment(lane, 0, 0));
        CudaAsm.Emit(GemmText.LoadInputBelow, TileLayout.InputFragment(lane, 0, 0));
        CudaAsm.Emit(GemmText.LoadWeight, TileLayout.WeightFragment(lane, 0, 0));
        CudaAsm.Emit(GemmText.LoadWeightBeside, TileLayout.WeightFragment(lane, 0, 0));
        for (int i = 0; i < iterations; i++)
            TFormat.Multiply<Tile128X128>();
        CudaAsm.Emit(GemmText.Stage00, staged);
        CudaAsm.Emit(GemmText.Stage01, staged);
        CudaAsm.Emit(GemmText.Stage10, staged);
        CudaAsm.Emit(GemmText.Stage11, staged);
        CudaAsm.Emit(GemmText.Stage20, staged);
        CudaAsm.Emit(GemmText.Stage21, staged);
        CudaAsm.Emit(GemmText.Stage30, staged);
        CudaAsm.Emit(GemmText.Stage31, staged);
    }

    /// <summary>Floating-point operations of one group: 128 x 128 sums over 32 bytes of k, two operations a term.</summary>
    public static double Operations<TFormat>(int iterations)
        where TFormat : struct, ITensorFormat =>
        2.0 * Gemm.TileRows<Tile128X128>() * Gemm.TileColumns<Tile128X128>() * (32 / TFormat.ElementSize) * iterations;
}
