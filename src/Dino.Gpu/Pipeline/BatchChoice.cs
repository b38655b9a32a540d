using System.Numerics;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Ops.TensorCore;
using Dino.Gpu.Vit;
using ILGPU.Runtime.Cuda;

namespace Dino.Gpu.Pipeline;

/// <summary>Chooses the number of images in a batch if the user does not.</summary>
internal static class BatchChoice
{
    /// <summary>
    /// The batch on the CPU device. Every core has its own images, so a larger batch only costs memory.
    /// </summary>
    private const int Cpu = 32;

    /// <summary>
    /// The largest choice on a GPU. A ViT-S/16 pass over this many images fills today's largest GPUs many times; a
    /// larger batch only adds waiting.
    /// </summary>
    private const int Most = 256;

    /// <summary>The batch for a device that already holds its weights.</summary>
    /// <param name="device">The device.</param>
    /// <param name="shape">The model at its input size.</param>
    /// <param name="keepsFractions">Whether pictures are floats on the device, and not bytes.</param>
    public static int For(DinoDevice device, in VitShape shape, bool keepsFractions = false)
    {
        if (device.Family == KernelFamily.Simd)
            return Cpu;
        // OpenCL does not report how much memory is free, so a quarter of all is taken. Drivers also refuse single
        // buffers above a quarter.
        long budget = device.Accelerator is CudaAccelerator cuda ? cuda.GetFreeMemory() / 2 : device.Accelerator.MemorySize / 4;
        return Math.Min(Fitting(budget, BytesPerImage(shape, keepsFractions)), Math.Max(1, Indexable(shape, device.Family)));
    }

    /// <summary>
    /// Bytes of one image on a device: its activations, which all batches share, and its pixels in every slot.
    /// </summary>
    internal static long BytesPerImage(in VitShape shape, bool keepsFractions = false)
    {
        long pixels = 3L * shape.PictureWidth * shape.PictureHeight * (keepsFractions ? sizeof(float) : 1);
        return PortableActivations.BytesPerImage(shape) + pixels * GpuExecutor<PortableOps>.Slots;
    }

    /// <summary>
    /// The most images whose activations the kernels of a family can index; 0 where one is too many. Those of GPUs
    /// count in 32 bits. Large pictures reach this limit before they fill a large GPU.
    /// </summary>
    internal static int Indexable(in VitShape shape, KernelFamily family) =>
        family is KernelFamily.Simd or KernelFamily.Generated ? int.MaxValue
        : shape.TokenCount > MostTokens(shape, family) ? 0
        : (int)(int.MaxValue / (shape.TokenCount * MostColumns(shape)));

    /// <summary>
    /// The most tokens of one image that the kernels of a family can index. A product on tensor cores that takes one
    /// row of each image counts the bytes between two of them, up to float32 (<see cref="TensorGemmShape"/>).
    /// </summary>
    internal static long MostTokens(in VitShape shape, KernelFamily family) => family switch
    {
        KernelFamily.Simd or KernelFamily.Generated => long.MaxValue,
        KernelFamily.TensorCore => int.MaxValue / (MostColumns(shape) * sizeof(float)),
        _ => int.MaxValue / MostColumns(shape),
    };

    /// <summary>Columns of the widest activation, filled up as tensor cores need it.</summary>
    private static long MostColumns(in VitShape shape)
    {
        long most = 0;
        foreach (Activation activation in Enum.GetValues<Activation>())
            most = Math.Max(most, DeviceActivations.ColumnCount(activation, shape, TensorCoreActivations.SizeMultiple));
        return most;
    }

    /// <summary>
    /// The largest power of two, at most <see cref="Most"/>, with which the images take at most
    /// <paramref name="budget"/> bytes; at least 1.
    /// </summary>
    internal static int Fitting(long budget, long bytesPerImage) =>
        1 << BitOperations.Log2((uint)Math.Clamp(budget / bytesPerImage, 1, Most));
}
