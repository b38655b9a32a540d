namespace Dino.Gpu.Devices;

/// <summary>Which set of kernels runs the model.</summary>
public enum KernelFamily
{
    /// <summary>Shared-memory tiles and group reductions, for any ILGPU accelerator.</summary>
    Portable,

    /// <summary>Vector instructions inside one launch, for the CPU accelerator.</summary>
    Simd,

    /// <summary>Matrix products on the tensor cores of an NVIDIA GPU, for every precision but float32.</summary>
    TensorCore,

    /// <summary>Matrix products in bfloat16 or bytes by machine code made at run time, for the CPU accelerator.</summary>
    Generated,
}
