using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Dino.Gpu.Devices;
using Dino.Gpu.Tests.Cuda;
using ILGPU;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Dino.Gpu.Tests.Support;

/// <summary>Where a portable kernel is tested.</summary>
public enum TestDevice
{
    /// <summary>ILGPU's own CPU accelerator: groups of 16 threads, each an OS thread, that take turns. Always there, and slow.</summary>
    IlgpuCpu,

    /// <summary>The first OpenCL device, PoCL where there is no other.</summary>
    OpenCL,

    /// <summary>The first CUDA device, an emulated one where there is no other.</summary>
    Cuda,
}

/// <summary>
/// The accelerators that the portable kernels are tested on, opened once for all tests of the collection.
/// </summary>
public sealed partial class TestDevices : IDisposable
{
    /// <summary>Names the kinds that tests run on, such as <c>cuda</c>; all where it is not set.</summary>
    private const string Choice = "DINO_TEST_DEVICES";

    private readonly Dictionary<TestDevice, DinoDevice> _devices = [];

    /// <summary>Every kind; a test theory runs on each and is skipped where there is none.</summary>
    public static TheoryData<TestDevice> All => new(Enum.GetValues<TestDevice>());

    /// <summary>The kinds that are fast enough for the model's own sizes.</summary>
    public static TheoryData<TestDevice> Fast => new(TestDevice.OpenCL, TestDevice.Cuda);

    /// <summary>Opens the device, or skips the test when this machine has none.</summary>
    internal DinoDevice Open(TestDevice kind)
    {
        if (!_devices.TryGetValue(kind, out DinoDevice? device))
        {
            device = OpenOwn(kind);
            _devices.Add(kind, device);
        }

        return device;
    }

    /// <summary>
    /// Opens the CUDA device for a model of ViT-S's size, which takes an emulated one minutes: skipped there, unless long tests
    /// are wanted.
    /// </summary>
    internal DinoDevice OpenCudaForFullSize()
    {
        if (CudaEmulator.IsUsed)
            LongTests.RequireEmulated();
        return Open(TestDevice.Cuda);
    }

    /// <summary>
    /// As <see cref="Open"/>, an accelerator of the caller's own. Two encoders need one each: kernels of one
    /// accelerator hold the arguments of their next launch.
    /// </summary>
    /// <param name="kind">Which.</param>
    /// <param name="algorithms">Whether kernels of ILGPU.Algorithms are to run on it, as a search asks for.</param>
    internal static DinoDevice OpenOwn(TestDevice kind, bool algorithms = false)
    {
        string? chosen = Environment.GetEnvironmentVariable(Choice);
        Assert.SkipUnless(
            string.IsNullOrEmpty(chosen) || chosen.Split(',').Contains($"{kind}", StringComparer.OrdinalIgnoreCase),
            $"{Choice} leaves {kind} out");
        return kind switch
        {
            TestDevice.IlgpuCpu => OpenIlgpuCpu(algorithms),
            TestDevice.OpenCL => OpenOpenCL(algorithms),
            _ => OpenCuda(algorithms),
        };
    }

    public void Dispose()
    {
        foreach (DinoDevice device in _devices.Values)
            device.Dispose();
    }

    /// <summary>
    /// Opens the caller's own CUDA device whose compute capability has one of these major numbers: an emulated one of the first, or a
    /// card, and the test is skipped where it is another.
    /// </summary>
    internal static DinoDevice OpenCudaOf(params int[] majors)
    {
        if (CudaEmulator.IsUsed)
        {
            using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [new EmulatedCard { Capability = (majors[0], 0) }] });
            return DinoDevice.Open("cuda:0");
        }

        DinoDevice device = OpenOwn(TestDevice.Cuda);
        int major = ((CudaAccelerator)device.Accelerator).Architecture.Major;
        if (!majors.Contains(major))
        {
            device.Dispose();
            Assert.Skip($"needs a card of compute capability {string.Join(" or ", majors)}, found {major}");
        }

        return device;
    }

    /// <summary>
    /// One thread at a time, up to its next barrier: the order is fixed, so that a barrier that is missing shows always,
    /// and 16 threads do not wait for each other on the few cores that there are.
    /// </summary>
    private static DinoDevice OpenIlgpuCpu(bool algorithms)
    {
        Context context = Context.Create(builder => Enable(builder.DefaultCPU(), algorithms));
        return new DinoDevice(context, context.CreateCPUAccelerator(0, CPUAcceleratorMode.Sequential), Portable(CpuDescription.Describe()));
    }

    private static Context.Builder Enable(Context.Builder builder, bool algorithms) => algorithms ? builder.EnableAlgorithms() : builder;

    private static DinoDevice OpenCuda(bool algorithms)
    {
        using IDisposable shown = CudaEmulator.Show();
        Assert.SkipWhen(DeviceCatalog.FindCuda().Count == 0, "no CUDA device on this machine, and no C compiler to build the emulated one");
        return DinoDevice.Open("cuda:0", algorithms: algorithms);
    }

    /// <summary>
    /// PoCL 3.1 lacks the generic address space that ILGPU asks for, but our kernels, compiled at O2, never use it: the
    /// tests force the capability, which the library itself does not.
    /// </summary>
    private static DinoDevice OpenOpenCL(bool algorithms)
    {
        KeepPoclCacheOutOfHome();
        List<DeviceCatalog.Candidate> candidates = DeviceCatalog.FindOpenCL();
        Assert.SkipWhen(candidates.Count == 0, "no OpenCL platform on this machine; install pocl-opencl-icd to run OpenCL on the CPU");
        DeviceCatalog.Candidate candidate = candidates.FirstOrDefault(found => found.Info.Refusal is null) ?? candidates[0];
        var device = (CLDevice)candidate.Device!;
        if (candidate.Info.Refusal is not null)
        {
            SetGenericAddressSpace(device.Capabilities, true);
            SetDeviceVersion(device, CLDeviceVersion.CL20);
        }

        Context context = Context.Create(builder => Enable(builder.Optimize(OptimizationLevel.O2), algorithms));
        return new DinoDevice(context, device.CreateAccelerator(context), candidate.Info);
    }

    private static DeviceInfo Portable(DeviceInfo info) =>
        info with { Family = KernelFamily.Portable, Precisions = PrecisionSupport.Float32Only };

    /// <summary>
    /// PoCL keeps compiled kernels in the home directory unless told otherwise. The runtime's own environment does not
    /// reach native code.
    /// </summary>
    private static void KeepPoclCacheOutOfHome()
    {
        if (!OperatingSystem.IsLinux())
            return;
        string directory = Path.Combine(Path.GetTempPath(), "dino-gpu-tests-pocl");
        Directory.CreateDirectory(directory);
        _ = SetEnvironment("POCL_CACHE_DIR", directory, overwrite: 0);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_GenericAddressSpace")]
    private static extern void SetGenericAddressSpace(CLCapabilityContext capabilities, bool value);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_DeviceVersion")]
    private static extern void SetDeviceVersion(CLDevice device, CLDeviceVersion value);
}

/// <summary>
/// Tests of portable kernels take turns: PoCL uses every core itself. So do those in which a library dereferences null
/// on a damaged file: .NET learns of it by SIGSEGV, on which the LLVM inside PoCL deletes the temporary files of a
/// build that is under way, and the build fails.
/// </summary>
[CollectionDefinition(Name)]
public sealed class PortableCollection : ICollectionFixture<TestDevices>
{
    public const string Name = "portable kernels";
}
