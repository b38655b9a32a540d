using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>The memory of one launch, as its threads see it. The executor owns it.</summary>
internal unsafe struct SimdBuffers
{
    /// <summary>
    /// (batch, height, width, 3): bytes, or normalized floats; see <see cref="SimdPlan.HasFractions"/>.
    /// </summary>
    public byte* Pixels;

    /// <summary>(3, 256): the normalized value of each byte.</summary>
    public float* PixelTable;

    /// <summary>Laid out as <see cref="WeightLayout"/>; 64-byte aligned.</summary>
    public float* Weights;

    /// <summary>(tokens, hidden): <see cref="InputTables.Start"/>.</summary>
    public float* Start;

    /// <summary>(patches, head size): <see cref="InputTables.Rotation"/>.</summary>
    public float* Rotation;

    /// <summary>Laid out as <see cref="WorkspaceLayout"/>; 64-byte aligned.</summary>
    public float* Workspace;

    /// <summary>Laid out as <see cref="OutputLayout"/>: every part that is kept.</summary>
    public float* Outputs;

    /// <summary>
    /// Counters, <see cref="Team.CounterStride"/> apart: the images taken, the barrier of all threads, then a barrier
    /// for each team. All are zero at the start.
    /// </summary>
    public int* Counters;

    /// <summary>This thread's sums of ticks, one for each step, if the pass is timed.</summary>
    public long* Ticks;

    /// <summary>What the products in a reduced precision have; of no meaning to those in float32.</summary>
    public void* Reduced;
}
