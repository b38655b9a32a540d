using System.Runtime.CompilerServices;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>Copies 16 bytes, the unit of all copies to shared memory.</summary>
internal static class TileCopy
{
    /// <summary>Starts to copy 16 bytes to the tiles, or to clear them.</summary>
    /// <param name="target">Byte of the tiles.</param>
    /// <param name="source">Global address.</param>
    /// <param name="size">16, or 0 to clear.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Start(int target, long source, int size) =>
        CudaAsm.Emit("add.u32 address, tilesBase, %0;\n\tcp.async.cg.shared.global [address], [%1], 16, %2;", target, source, size);
}
