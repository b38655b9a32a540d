using System.Runtime.CompilerServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Dino.Gpu.Devices;

/// <summary>The accelerators of this machine.</summary>
public static class DeviceCatalog
{
    /// <summary>
    /// Lists every accelerator: CUDA devices, OpenCL devices, then the CPU. A device that cannot be used has the
    /// reason. The device that <c>auto</c> picks is marked: the first CUDA device that runs a small kernel, else the
    /// first such OpenCL GPU, else the CPU. Devices behind that one are listed without being opened.
    /// </summary>
    public static IReadOnlyList<DeviceInfo> Enumerate()
    {
        var devices = new List<DeviceInfo>();
        bool isFound = false;
        foreach (Candidate candidate in Present())
        {
            DeviceInfo info = candidate.Info;
            if (!isFound && info.Refusal is null && candidate.IsGpu)
            {
                DeviceFailure? failure = DinoDevice.Try(candidate);
                isFound = failure is null;
                info = info with { IsAutomaticChoice = isFound, Refusal = failure?.Reason };
            }

            devices.Add(info);
        }

        return [.. devices, CpuDescription.Describe(isAutomaticChoice: !isFound)];
    }

    /// <summary>CUDA devices, then OpenCL devices, as their drivers describe them.</summary>
    internal static List<Candidate> Present() =>
        RuntimeFeature.IsDynamicCodeSupported ? [.. FindCuda(), .. FindOpenCL()] : []; // without it no GPU can be used

    /// <summary>
    /// CUDA devices in the driver's order; none without a driver. A driver that does not start is a device that cannot
    /// be used.
    /// </summary>
    internal static List<Candidate> FindCuda()
    {
        NativeLibraries.EnsureRegistered();
        if (NativeLibraries.CudaRefusal() is { } refusal)
            return [new Candidate(Unusable(0, "NVIDIA driver", 0, "CUDA", refusal), null)];
        _ = CudaAPI.CurrentAPI.GetDeviceCount(out int count); // leaves 0 where it fails
        return [.. Enumerable.Range(0, count).Select(FindCuda)];
    }

    /// <summary>
    /// ILGPU's own list ends at the first device that it cannot describe; a card from before 2012 would hide all behind
    /// it.
    /// </summary>
    private static Candidate FindCuda(int index)
    {
        CudaAPI driver = CudaAPI.CurrentAPI;
        string name = "CUDA device";
        try
        {
            CudaException.ThrowIfFailed(driver.GetDevice(out int ordinal, index));
            CudaException.ThrowIfFailed(driver.GetDeviceName(out string? found, ordinal));
            name = found ?? name;
            CudaException.ThrowIfFailed(driver.GetTotalDeviceMemory(out long memory, ordinal));
            CudaException.ThrowIfFailed(driver.GetDriverVersion(out CudaDriverVersion version));
            CudaException.ThrowIfFailed(driver.GetDeviceComputeCapability(out int major, out int minor, ordinal));
            if (!CudaDevice.TryGetArchitecture(major, minor, out _))
            {
                string refusal = $"compute capability 3.0 or newer is needed, it has {major}.{minor}";
                return new Candidate(Unusable(index, name, memory, $"CUDA {version}", refusal), null);
            }

            CudaDevice device = CreateCudaDevice(ordinal);
            return new Candidate(DescribeCuda(device, index), device);
        }
        catch (CudaException exception)
        {
            return new Candidate(Unusable(index, name, 0, "CUDA", DeviceFailure.Of(exception).Reason), null);
        }
    }

    /// <summary>OpenCL devices, platform by platform; none without a driver.</summary>
    internal static List<Candidate> FindOpenCL()
    {
        NativeLibraries.EnsureRegistered();
        return [.. CLDevice.GetDevices(_ => true).Cast<CLDevice>().Select(
            (device, index) => new Candidate(DescribeOpenCL(device, index), device))];
    }

    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern CudaDevice CreateCudaDevice(int ordinal);

    private static DeviceInfo Unusable(int index, string name, long memory, string driver, string refusal) => new()
    {
        Id = $"cuda:{index}",
        Name = name,
        MemorySize = memory,
        Driver = driver,
        Family = KernelFamily.Portable,
        Refusal = refusal,
    };

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
    /// <param name="Info">How it is listed.</param>
    /// <param name="Device">What ILGPU opens; null for a device that it cannot describe.</param>
    internal sealed record Candidate(DeviceInfo Info, Device? Device)
    {
        /// <summary>
        /// Whether <c>auto</c> may pick it. An OpenCL device that is a CPU runs our kernels far slower than the SIMD
        /// family does, so it is never picked unasked.
        /// </summary>
        public bool IsGpu => Device switch
        {
            CLDevice openCL => (openCL.DeviceType & CLDeviceType.CL_DEVICE_TYPE_GPU) != 0,
            _ => true,
        };
    }
}
