namespace Dino.Gpu.Devices;

/// <summary>One accelerator of this machine, usable or not.</summary>
public sealed record DeviceInfo
{
    /// <summary>What <c>--device</c> takes: <c>cpu</c>, <c>cuda:0</c>, <c>opencl:1</c>.</summary>
    public required string Id { get; init; }

    /// <summary>The name that the driver gives.</summary>
    public required string Name { get; init; }

    /// <summary>Memory in bytes.</summary>
    public required long MemorySize { get; init; }

    /// <summary>
    /// Driver or runtime version, such as <c>CUDA 12.4</c>, <c>OpenCL 2.0 (pocl 3.1)</c> or <c>.NET 10.0.1,
    /// AVX-512</c>.
    /// </summary>
    public required string Driver { get; init; }

    /// <summary>The kernels it would run.</summary>
    public required KernelFamily Family { get; init; }

    /// <summary>
    /// Vector registers that the CPU computes with, such as <c>512-bit FMA</c>; null for a GPU. Devices with equal
    /// vectors make equal bytes.
    /// </summary>
    public string? Vectors { get; init; }

    /// <summary>The arithmetic that it offers for the forward pass.</summary>
    public IReadOnlyList<Precision> Precisions { get; init; } = PrecisionSupport.Float32Only;

    /// <summary>Null if the device can be used, else one line that says why not.</summary>
    public string? Refusal { get; init; }

    /// <summary>True for the device that <c>auto</c> picks.</summary>
    public bool IsAutomaticChoice { get; init; }
}
