using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Dino.Gpu.Devices;

/// <summary>The accelerators of this machine.</summary>
public static class DeviceCatalog
{
    /// <summary>
    /// Lists every accelerator: CUDA devices, OpenCL devices, then the CPU. A device that cannot be used has the
    /// reason. The device that <c>auto</c> picks is marked: the first CUDA device, else the first OpenCL GPU, else the
    /// CPU.
    /// </summary>
    public static IReadOnlyList<DeviceInfo> Enumerate()
    {
        List<Candidate> candidates = [.. FindCuda(), .. FindOpenCL()];
        Candidate? choice = AutomaticChoice(candidates);
        return
        [
            .. candidates.Select(candidate => candidate.Info with { IsAutomaticChoice = candidate == choice }),
            CpuDescription.Describe(isAutomaticChoice: choice is null),
        ];
    }

    /// <summary>The device that <c>auto</c> picks; null for the CPU.</summary>
    internal static Candidate? AutomaticChoice(IEnumerable<Candidate> candidates) =>
        candidates.FirstOrDefault(candidate => candidate.Info.Refusal is null && IsGpu(candidate.Device));

    /// <summary>CUDA devices in the driver's order; none without a driver.</summary>
    internal static List<Candidate> FindCuda()
    {
        NativeLibraries.EnsureRegistered();
        return [.. CudaDevice.GetDevices(_ => true).Cast<CudaDevice>().Select(
            (device, index) => new Candidate(DescribeCuda(device, index), device))];
    }

    /// <summary>OpenCL devices, platform by platform; none without a driver.</summary>
    internal static List<Candidate> FindOpenCL()
    {
        NativeLibraries.EnsureRegistered();
        return [.. CLDevice.GetDevices(_ => true).Cast<CLDevice>().Select(
            (device, index) => new Candidate(DescribeOpenCL(device, index), device))];
    }

    /// <summary>
    /// An OpenCL device that is a CPU runs our kernels far slower than the SIMD family does, so it is never picked
    /// unasked.
    /// </summary>
    private static bool IsGpu(Device device) =>
        device is CudaDevice || (device is CLDevice openCL && (openCL.DeviceType & CLDeviceType.CL_DEVICE_TYPE_GPU) != 0);

    private static DeviceInfo DescribeCuda(CudaDevice device, int index) => new()
    {
        Id = $"cuda:{index}",
        Name = device.Name,
        MemorySize = device.MemorySize,
        Driver = $"CUDA {device.DriverVersion}",
        Family = KernelFamily.Portable,
        Precisions = device.Architecture is { Major: >= 8 } ? PrecisionSupport.TensorCores : PrecisionSupport.Float32Only,
        Refusal = device.Architecture.HasValue && device.InstructionSet.HasValue
            ? null
            : $"ILGPU {ILGPU.Context.Version} has no PTX version for this driver (CUDA {device.DriverVersion}); update the driver",
    };

    private static DeviceInfo DescribeOpenCL(CLDevice device, int index)
    {
        string driver = CLAPI.CurrentAPI.GetDeviceInfo(device.DeviceId, CLDeviceInfoType.CL_DRIVER_VERSION);
        return new DeviceInfo
        {
            Id = $"opencl:{index}",
            Name = device.Name,
            MemorySize = device.MemorySize,
            Driver = $"OpenCL {device.DeviceVersion} ({device.PlatformName} {driver})",
            Family = KernelFamily.Portable,
            Refusal = device.DeviceVersion < CLDeviceVersion.CL20
                ? $"OpenCL 2.0 or newer is needed, the driver offers {device.DeviceVersion}"
                : !device.Capabilities.GenericAddressSpace
                    ? "the driver lacks the generic address space of OpenCL 2.0, which ILGPU needs"
                    : null,
        };
    }

    /// <summary>A device with its description.</summary>
    internal sealed record Candidate(DeviceInfo Info, Device Device);
}
