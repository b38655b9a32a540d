using System.Globalization;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Dino.Gpu.Devices;

/// <summary>An open accelerator. Whoever opened it disposes it, after its buffers.</summary>
internal sealed class DinoDevice : IDisposable
{
    /// <summary>No machine has more cores than this. ILGPU itself stops at 32767 threads.</summary>
    private const int MaxThreads = 4096;

    /// <summary>
    /// ILGPU.Algorithms adds to a table of ILGPU's compiler when it is first touched. That must be before any thread
    /// compiles. What it adds there does not concern our kernels.
    /// </summary>
    static DinoDevice() => RuntimeHelpers.RunClassConstructor(typeof(AlgorithmContext).TypeHandle);

    internal DinoDevice(Context context, Accelerator accelerator, DeviceInfo info)
    {
        Context = context;
        Accelerator = accelerator;
        Info = info;
    }

    /// <summary>ILGPU's compiler state; owned.</summary>
    public Context Context { get; }

    /// <summary>The device itself; owned.</summary>
    public Accelerator Accelerator { get; }

    public DeviceInfo Info { get; }

    /// <summary>The kernels that run on it.</summary>
    public KernelFamily Family => Info.Family;

    /// <summary>Opens a device. It loads only the drivers that the choice needs: <c>cpu</c> loads none.</summary>
    /// <param name="spec"><c>auto</c>, <c>cpu</c>, <c>cuda[:N]</c> or <c>opencl[:N]</c>.</param>
    /// <param name="threads">Threads of the CPU device; null for one a core.</param>
    /// <param name="algorithms">Whether kernels of ILGPU.Algorithms are to run on it, if it is a GPU.</param>
    /// <param name="warning">Receives one line for each GPU that <c>auto</c> cannot use and skips.</param>
    /// <exception cref="DinoException">No such device, or it cannot be used.</exception>
    public static DinoDevice Open(string spec, int? threads = null, bool algorithms = false, Action<string>? warning = null)
    {
        (string kind, int index) = Parse(spec);
        if (kind == "cpu")
            return OpenCpu(threads, isAutomaticChoice: false);
        if (kind == "auto")
            return OpenAutomatic(threads, algorithms, warning);
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
    /// Frees accelerator and context. A CUDA device on which a kernel failed refuses every later call, those that free
    /// memory too: that is not told again, since it would hide the failure, and what the device holds goes with the
    /// process.
    /// </summary>
    public void Dispose()
    {
        try
        {
            Accelerator.Dispose();
        }
        catch (CudaException)
        {
        }
        finally
        {
            Context.Dispose();
        }
    }

    private static (string Kind, int Index) Parse(string spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
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
        int count = threads ?? Environment.ProcessorCount;
        if (count is < 1 or > MaxThreads)
            throw new DeviceException($"the CPU device takes 1 to {MaxThreads} threads (found {count})");
        var device = new CPUDevice(numThreadsPerWarp: 2, numWarpsPerMultiprocessor: 1, numMultiprocessors: count);
        return Create(builder => builder.CPU(device).Optimize(OptimizationLevel.O0), device, CpuDescription.Describe(isAutomaticChoice));
    }

    /// <summary>
    /// The first GPU that works, else the CPU. OpenCL platforms load slowly, so they are loaded only when no CUDA
    /// device works.
    /// </summary>
    private static DinoDevice OpenAutomatic(int? threads, bool algorithms, Action<string>? warning)
    {
        foreach (Func<List<DeviceCatalog.Candidate>> find in new[] { DeviceCatalog.FindCuda, DeviceCatalog.FindOpenCL })
        {
            foreach (DeviceCatalog.Candidate candidate in find().Where(candidate => candidate.IsGpu))
            {
                // An OpenCL driver that lacks something is common beside better devices, and nothing to be told of.
                if (candidate.Info.Refusal is not null && candidate.Device is CLDevice)
                    continue;
                DeviceCatalog.Candidate chosen = candidate with { Info = candidate.Info with { IsAutomaticChoice = true } };
                DinoDevice? device = TryOpenGpu(chosen, algorithms, out DeviceFailure? failure);
                if (device is not null)
                    return device;
                warning?.Invoke($"{Title(candidate.Info)} cannot be used: {failure!.Reason}; auto tries the next device");
            }
        }

        return OpenCpu(threads, isAutomaticChoice: true);
    }

    private static DinoDevice OpenGpu(DeviceCatalog.Candidate candidate, bool algorithms) =>
        TryOpenGpu(candidate, algorithms, out DeviceFailure? failure) ?? throw failure!.ToException(candidate.Info, "cannot be used");

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

    private static DinoDevice Create(Action<Context.Builder> configure, Device device, DeviceInfo info)
    {
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
