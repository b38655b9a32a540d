using System.Numerics;
using Dino.Gpu.Devices;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Vit;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Pipeline;

/// <summary>The number of images in a batch when the user does not give one.</summary>
internal static class BatchChoice
{
    /// <summary>On the CPU every core has its own images; a larger batch only costs memory.</summary>
    private const int Cpu = 32;

    /// <summary>
    /// A ViT-S/16 pass over this many images fills today's largest GPUs many times. A larger batch only adds waiting.
    /// </summary>
    private const int Most = 256;

    /// <summary>The batch for a device that already holds its weights.</summary>
    public static int For(DinoDevice device, in VitShape shape)
    {
        if (device.Family == KernelFamily.Simd)
            return Cpu;
        // OpenCL does not say how much is free: a quarter of all. Drivers also refuse single buffers above that.
        long budget = device.Accelerator is CudaAccelerator cuda ? cuda.GetFreeMemory() / 2 : device.Accelerator.MemorySize / 4;
        return Math.Min(Fitting(budget, BytesPerImage(shape)), Indexable(shape));
    }

    /// <summary>
    /// Bytes of one image on a device: its activations, which all batches share, and its pixels in every slot.
    /// </summary>
    internal static long BytesPerImage(in VitShape shape) =>
        PortableActivations.BytesPerImage(shape) + 3L * shape.PictureWidth * shape.PictureHeight * GpuExecutor<PortableOps>.Slots;

    /// <summary>
    /// The most images whose activations the portable and tensor-core kernels can index. They count in 32 bits, a limit
    /// that large pictures reach before they fill a large GPU.
    /// </summary>
    internal static int Indexable(in VitShape shape) =>
        (int)Math.Max(
            1, int.MaxValue / ((long)shape.TokenCount * Math.Max(Math.Max(shape.PatchLength, 3 * shape.HiddenSize), shape.MlpSize)));

    /// <summary>
    /// The largest power of two, up to the most images that are useful, of which the images take at most
    /// <paramref name="budget"/> bytes; at least 1.
    /// </summary>
    internal static int Fitting(long budget, long bytesPerImage) =>
        1 << BitOperations.Log2((uint)Math.Clamp(budget / bytesPerImage, 1, Most));
}
