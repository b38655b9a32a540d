namespace Dino.Gpu.Kernels.Simd;

/// <summary>The buffers of the SIMD family start at a cache line and have room past their end.</summary>
internal static unsafe class SimdMemory
{
    /// <summary>
    /// Floats to allocate beyond the contents of a buffer: 16 to move its start to a cache line, and 1024 that a load
    /// or a prefetch may run past its last row.
    /// </summary>
    public const int Padding = 16 + 1024;

    /// <summary>
    /// Moves a pointer to the next cache line. ILGPU aligns buffers to 16 bytes, but a register of 16 floats needs 64.
    /// </summary>
    public static float* Align(float* pointer) => (float*)(((nuint)pointer + 63) & ~(nuint)63);
}
