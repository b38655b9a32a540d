using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>The memory of one launch, as its threads see it. All of it belongs to the executor.</summary>
internal unsafe struct SimdBuffers
{
    /// <summary>(batch, height, width, 3)</summary>
    public byte* Pixels;

    /// <summary>(3, 256): the normalized value of each byte.</summary>
    public float* PixelTable;

    /// <summary>As <see cref="WeightLayout"/> says; 64-byte aligned.</summary>
    public float* Weights;

    /// <summary>(tokens, hidden)</summary>
    public float* Positions;

    /// <summary>As <see cref="WorkspaceLayout"/> says; 64-byte aligned.</summary>
    public float* Workspace;

    /// <summary>As <see cref="OutputLayout"/> says: every part that is kept.</summary>
    public float* Outputs;

    /// <summary>
    /// Counters, <see cref="Team.CounterStride"/> apart: images taken, barrier of all threads, then a barrier for each
    /// team. Zero at the start.
    /// </summary>
    public int* Counters;

    /// <summary>This thread's sums of time, one for each step, when the pass is timed.</summary>
    public long* Ticks;
}
