using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Devices;

/// <summary>
/// One small kernel that a GPU has to compile and to run before pictures are entrusted to it: shared memory, a barrier,
/// arithmetic in float32 that is exact.
/// </summary>
internal static class DeviceTrial
{
    /// <summary>Two warps of an NVIDIA GPU, so that the barrier has something to do.</summary>
    private const int MostThreads = 64;

    private const int Groups = 8;

    /// <summary>Runs the kernel and compares what it computes.</summary>
    /// <param name="accelerator">Just opened. The caller's.</param>
    /// <exception cref="DinoException">It gives a wrong number.</exception>
    public static void Run(Accelerator accelerator)
    {
        int threads = Math.Min(MostThreads, accelerator.MaxNumThreadsPerGroup);
        float[] values = [.. Enumerable.Range(0, Groups * threads).Select(i => i - 100f)];
        using MemoryBuffer1D<float, Stride1D.Dense> input = accelerator.Allocate1D(values);
        using MemoryBuffer1D<float, Stride1D.Dense> output = accelerator.Allocate1D<float>(values.Length);
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(TrialKernel)(
            new KernelConfig(Groups, threads), input.View.AsContiguous(), output.View.AsContiguous());
        accelerator.Synchronize();
        float[] found = output.GetAsArray1D();
        for (int i = 0; i < values.Length; i++)
        {
            float expected = values[i - i % threads + threads - 1 - i % threads] * 3 + i;
            if (found[i] != expected)
                throw new DeviceException($"a small kernel computes a wrong number (expected {expected}, found {found[i]})");
        }
    }

    /// <summary>output = 3 * input, in reverse within each group, + index.</summary>
    public static void TrialKernel(ArrayView<float> input, ArrayView<float> output)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(MostThreads);
        int thread = Group.IdxX;
        int index = Grid.IdxX * Group.DimX + thread;
        shared[thread] = input[index];
        Group.Barrier();
        output[index] = shared[Group.DimX - 1 - thread] * 3 + index;
    }
}
