using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Ops.Simd;

/// <summary>The memory of a launch of <see cref="SimdForward"/>, part by part; see <see cref="SimdBuffers"/>.</summary>
internal enum SimdPart
{
    Pixels,
    PixelTable,
    Weights,
    Start,
    Rotation,
    Workspace,
    Outputs,
    Counters,
    Ticks,
    Reduced,
}

/// <summary>
/// Where a model of the SIMD family runs: memory that does not move, and threads that run side by side. It is ILGPU's
/// CPU accelerator or, where no code can be made at run time, threads of its own. Both run the same code.
/// </summary>
internal abstract unsafe class SimdHost : IDisposable
{
    /// <summary>The number of parts.</summary>
    protected const int Parts = (int)SimdPart.Reduced + 1;

    /// <summary>Threads of a launch.</summary>
    public abstract int Threads { get; }

    /// <summary>Memory that is kept from launch to launch. A request for more replaces it, without its contents.</summary>
    /// <param name="part">What it is for.</param>
    /// <param name="length">Elements, at least.</param>
    public T* Reserve<T>(SimdPart part, long length)
        where T : unmanaged => (T*)Reserve(part, Math.Max(length, 1) * sizeof(T));

    /// <summary>Runs a plan on all threads, with the memory as it was reserved last, and waits for them.</summary>
    public abstract void Run(in SimdPlan plan);

    /// <summary>Runs nothing but multiply-adds on all threads, and waits for them.</summary>
    public abstract void RunPeak(int iterations);

    public abstract void Dispose();

    protected abstract byte* Reserve(SimdPart part, long bytes);
}
