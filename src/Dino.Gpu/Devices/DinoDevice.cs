using System.Globalization;
using System.Runtime.CompilerServices;
using Dino.Gpu.Files;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using ILGPU.Util;

namespace Dino.Gpu.Devices;

/// <summary>An open accelerator. Whoever opened it disposes it, after its buffers.</summary>
internal sealed class DinoDevice : IDisposable
{
    /// <summary>No machine has more cores than this. ILGPU itself stops at 32767 threads.</summary>
    private const int MaxThreads = 4096;

    /// <summary>
    /// A switch of <see cref="AppContext"/>: whether encoders on the CPU leave ILGPU out, as they must in a program
    /// that is compiled ahead of time.
    /// </summary>
    internal const string DirectSwitch = "Dino.Gpu.CpuWithoutIlgpu";

    private readonly Context? _context;
    private readonly Accelerator? _accelerator;

    internal DinoDevice(Context context, Accelerator accelerator, DeviceInfo info)
    {
        _context = context;
        _accelerator = accelerator;
        Info = info;
    }

    private DinoDevice(int threads, DeviceInfo info)
    {
        DirectThreads = threads;
        Info = info;
    }

    /// <summary>ILGPU's compiler state; owned.</summary>
    /// <exception cref="DeviceException">The device is direct.</exception>
    public Context Context => _context ?? throw NeedsIlgpu("this");

    /// <summary>The device itself; owned.</summary>
    /// <exception cref="DeviceException">The device is direct.</exception>
    public Accelerator Accelerator => _accelerator ?? throw NeedsIlgpu("this");

    /// <summary>Whether it is the CPU without ILGPU: no accelerator, only <see cref="DirectThreads"/>.</summary>
    public bool IsDirect => _accelerator is null;

    /// <summary>Threads of a direct device.</summary>
    public int DirectThreads { get; }

    public DeviceInfo Info { get; }

    /// <summary>The kernels that run on it.</summary>
    public KernelFamily Family => Info.Family;

    /// <summary>Opens a device. It loads only the drivers that the choice needs: <c>cpu</c> loads none.</summary>
    /// <param name="spec"><c>auto</c>, <c>cpu</c>, <c>cuda[:N]</c> or <c>opencl[:N]</c>.</param>
    /// <param name="threads">Threads of the CPU device; null for one a core.</param>
    /// <param name="algorithms">Whether kernels of ILGPU.Algorithms are to run on it, if it is a GPU.</param>
    /// <param name="warning">Receives one line for each GPU that <c>auto</c> cannot use and skips.</param>
    /// <param name="mayBeDirect">Whether the caller runs encoders alone, which a direct device can.</param>
    /// <param name="precision">What <c>auto</c> takes a GPU for; it skips one that does not compute in it.</param>
    /// <exception cref="DinoException">No such device, or it cannot be used.</exception>
    public static DinoDevice Open(
        string spec, int? threads = null, bool algorithms = false, Action<string>? warning = null, bool mayBeDirect = false,
        Precision precision = Precision.Float32)
    {
        (string kind, int index) = Parse(spec);
        if (!RuntimeFeature.IsDynamicCodeSupported)
        {
            return kind is "cpu" or "auto"
                ? OpenDirect(threads, isAutomaticChoice: kind == "auto")
                : throw NeedsIlgpu($"the device '{spec}'");
        }

        bool isDirect = mayBeDirect && AppContext.TryGetSwitch(DirectSwitch, out bool isOn) && isOn;
        if (kind == "auto" && OpenFirstGpu(algorithms, precision, warning) is { } gpu)
            return gpu;
        if (kind is "cpu" or "auto")
            return isDirect ? OpenDirect(threads, kind == "auto") : OpenCpu(threads, kind == "auto");
        List<DeviceCatalog.Candidate> candidates = kind == "cuda" ? DeviceCatalog.FindCuda() : DeviceCatalog.FindOpenCL();
        return index < candidates.Count
            ? OpenGpu(candidates[index], algorithms)
            : throw new DeviceException($"there is no device '{spec}' (found {Present()})");
    }

    /// <summary>Opens a GPU, runs a small kernel on it and closes it.</summary>
    /// <returns>Why it cannot be used; null where it can.</returns>
    internal static DeviceFailure? Try(DeviceCatalog.Candidate candidate)
    {
        DinoDevice? device = TryOpenGpu(candidate, algorithms: false, out DeviceFailure? failure);
        device?.Dispose();
        return failure;
    }

    /// <summary>
    /// Frees accelerator and context. What a device holds that no longer frees anything goes with the process.
    /// </summary>
    public void Dispose()
    {
        if (_accelerator is CudaAccelerator cuda)
            Abandon(cuda);
        else
            _accelerator?.Dispose();
        _context?.Dispose();
    }

    /// <summary>Whether every call is answered with the error of a kernel that failed before it.</summary>
    internal static bool IsLost(Accelerator accelerator)
    {
        try
        {
            accelerator.Synchronize();
            return false;
        }
        catch (AcceleratorException)
        {
            return true;
        }
    }

    /// <summary>
    /// Disposes an accelerator as ILGPU's finalizer does, which overlooks what the driver answers. The usual way ends at
    /// the first error, such as of a kernel that was refused, and leaves buffers and kernels whose finalizers look for
    /// the accelerator's context later: an exception there ends the process.
    /// </summary>
    private static void Abandon(CudaAccelerator accelerator)
    {
        GC.SuppressFinalize(accelerator);
        try
        {
            DisposeDriver(accelerator, disposing: false);
        }
        catch (AcceleratorException)
        {
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = nameof(DisposeDriver))]
    private static extern void DisposeDriver(DisposeBase accelerator, bool disposing);

    /// <summary>The CPU without ILGPU: the same code, on threads that an executor starts itself.</summary>
    internal static DinoDevice OpenDirect(int? threads, bool isAutomaticChoice) =>
        new(ThreadCount(threads), CpuDescription.Describe(isAutomaticChoice));

    /// <summary>What a program says that is compiled ahead of time and asks for more than it has.</summary>
    /// <param name="what">That needs kernels which are compiled at run time.</param>
    internal static DeviceException NeedsIlgpu(string what) => new(
        $"{what} needs code that is made at run time, which a program compiled ahead of time cannot run",
        "publish without PublishAot; encoders on the CPU and VectorIndex work with it");

    private static (string Kind, int Index) Parse(string spec)
    {
        ArgumentNullException.ThrowIfNull(spec, "Device"); // as every caller's options call it
        string[] parts = spec.Trim().ToLowerInvariant().Split(':');
        int index = 0;
        bool valid = parts[0] is "cuda" or "opencl"
            ? parts.Length == 1 || (parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index))
            : parts is ["auto"] or ["cpu"];
        return valid
            ? (parts[0], index)
            : throw new DeviceException(
                $"unknown device '{spec}' (expected auto, cpu, cuda[:N] or opencl[:N])", $"this machine has {Present()}");
    }

    /// <summary>
    /// The CPU device has one multiprocessor for each thread. ILGPU spreads a grid evenly over multiprocessors, and the
    /// SIMD family runs one group of one thread on each. ILGPU asks for at least two threads a warp; the second of each
    /// stays idle. The CPU runs a kernel's .NET code and not what ILGPU's optimizer makes of it, so the level is O0,
    /// which loads kernels sooner.
    /// </summary>
    private static DinoDevice OpenCpu(int? threads, bool isAutomaticChoice)
    {
        int count = ThreadCount(threads);
        var device = new CPUDevice(numThreadsPerWarp: 2, numWarpsPerMultiprocessor: 1, numMultiprocessors: count);
        return Create(builder => builder.CPU(device).Optimize(OptimizationLevel.O0), device, CpuDescription.Describe(isAutomaticChoice));
    }

    private static int ThreadCount(int? threads)
    {
        int count = threads ?? Environment.ProcessorCount;
        return count is >= 1 and <= MaxThreads
            ? count
            : throw new DeviceException($"the CPU device takes 1 to {MaxThreads} threads (found {count})");
    }

    /// <summary>
    /// The first GPU that works and computes in the precision, null where none does. OpenCL platforms load slowly, so
    /// they are loaded only when no CUDA device works.
    /// </summary>
    private static DinoDevice? OpenFirstGpu(bool algorithms, Precision precision, Action<string>? warning)
    {
        foreach (Func<List<DeviceCatalog.Candidate>> find in new[] { DeviceCatalog.FindCuda, DeviceCatalog.FindOpenCL })
        {
            foreach (DeviceCatalog.Candidate candidate in find().Where(candidate => candidate.IsGpu))
            {
                // An OpenCL driver that lacks something is common beside better devices, and nothing to be told of.
                if (candidate.Info.Refusal is not null && candidate.Device is CLDevice)
                    continue;
                DeviceCatalog.Candidate chosen = candidate with { Info = candidate.Info with { IsAutomaticChoice = true } };
                string? reason = chosen.Info.Refusal is null && !chosen.Info.Precisions.Contains(precision)
                    ? $"it {PrecisionSupport.Lack(chosen.Info, precision)}"
                    : null;
                if (reason is null)
                {
                    DinoDevice? device = TryOpenGpu(chosen, algorithms, out DeviceFailure? failure);
                    if (device is not null)
                        return device;
                    reason = failure!.Reason;
                }

                warning?.Invoke($"{Title(candidate.Info)} cannot be used: {reason}; auto tries the next device");
            }
        }

        return null;
    }

    private static DinoDevice OpenGpu(DeviceCatalog.Candidate candidate, bool algorithms) =>
        TryOpenGpu(candidate, algorithms, out DeviceFailure? failure) ?? throw failure!.ToRefusal(candidate.Info);

    /// <summary>
    /// Opens a GPU and runs a small kernel on it. The level is O2, which infers address spaces. Below it ILGPU emits
    /// generic pointers, which are slow, and which some OpenCL drivers refuse.
    /// </summary>
    private static DinoDevice? TryOpenGpu(DeviceCatalog.Candidate candidate, bool algorithms, out DeviceFailure? failure)
    {
        failure = null;
        if (candidate.Info.Refusal is { } refusal)
        {
            failure = new DeviceFailure(refusal, "'dino devices --verbose' lists what is here; --device cpu always works", null);
            return null;
        }

        DinoDevice? device = null;
        try
        {
            ModuleLog.Listen();
            device = Create(Configure, candidate.Device!, candidate.Info);
            BranchUniformity.AssumeDivergence(device.Context);
            DeviceTrial.Run(device.Accelerator);
            return device;
        }
        catch (Exception exception)
        {
            failure = DeviceFailure.Of(exception);
            device?.Dispose();
            return null;
        }

        void Configure(Context.Builder builder)
        {
            builder.Optimize(OptimizationLevel.O2);
            if (algorithms)
                builder.EnableAlgorithms();
        }
    }

    /// <summary>
    /// ILGPU.Algorithms adds to a table of ILGPU's compiler when it is first touched. That must be before any thread
    /// compiles. What it adds there does not concern our kernels. In a program that lacks methods of ILGPU it fails.
    /// </summary>
    /// <exception cref="DeviceException">The program was trimmed.</exception>
    private static void StartIlgpu()
    {
        try
        {
            RuntimeHelpers.RunClassConstructor(typeof(AlgorithmContext).TypeHandle);
        }
        catch (TypeInitializationException failure)
        {
            Exception cause = failure.GetBaseException();
            throw new DeviceException(
                $"ILGPU does not start; trimming removes what it needs ({MessageText.OneLine(cause.Message)})",
                "add <TrimmerRootAssembly Include=\"Dino.Gpu;ILGPU;ILGPU.Algorithms\" RootMode=\"All\" />, or publish untrimmed",
                failure);
        }
    }

    private static DinoDevice Create(Action<Context.Builder> configure, Device device, DeviceInfo info)
    {
        StartIlgpu();
        Context context = Context.Create(configure);
        try
        {
            return new DinoDevice(context, device.CreateAccelerator(context), info);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>The devices of this machine in one line, for messages.</summary>
    internal static string Present() => string.Join(", ", DeviceCatalog.Present().Select(candidate =>
        candidate.Info.Refusal is null ? Title(candidate.Info) : $"{candidate.Info.Id} (refused: {candidate.Info.Refusal})")
        .Append(Title(CpuDescription.Describe())));

    private static string Title(DeviceInfo info) => $"{info.Id} ({info.Name})";
}
