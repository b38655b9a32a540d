using System.Globalization;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

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
    /// <exception cref="DinoException">No such device, or it cannot be used.</exception>
    public static DinoDevice Open(string spec, int? threads = null, bool algorithms = false)
    {
        (string kind, int index) = Parse(spec);
        if (kind == "cpu")
            return OpenCpu(threads, isAutomaticChoice: false);
        if (kind == "auto")
        {
            // OpenCL platforms load slowly, so they are loaded only when there is no CUDA device.
            DeviceCatalog.Candidate? choice =
                DeviceCatalog.AutomaticChoice(DeviceCatalog.FindCuda()) ?? DeviceCatalog.AutomaticChoice(DeviceCatalog.FindOpenCL());
            return choice is null
                ? OpenCpu(threads, isAutomaticChoice: true)
                : OpenGpu(choice with { Info = choice.Info with { IsAutomaticChoice = true } }, algorithms);
        }

        List<DeviceCatalog.Candidate> candidates = kind == "cuda" ? DeviceCatalog.FindCuda() : DeviceCatalog.FindOpenCL();
        if (index >= candidates.Count)
            throw new DinoException($"No device '{spec}' here. Present: {Present()}.");
        DeviceInfo info = candidates[index].Info;
        return info.Refusal is null
            ? OpenGpu(candidates[index], algorithms)
            : throw new DinoException($"{info.Id} ({info.Name}) cannot be used: {info.Refusal}. Present: {Present()}.");
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
            : throw new DinoException($"Unknown device '{spec}': expected auto, cpu, cuda[:N] or opencl[:N]. Present: {Present()}.");
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
            throw new DinoException($"The CPU device takes 1 to {MaxThreads} threads, not {count}.");
        var device = new CPUDevice(numThreadsPerWarp: 2, numWarpsPerMultiprocessor: 1, numMultiprocessors: count);
        return Create(builder => builder.CPU(device).Optimize(OptimizationLevel.O0), device, CpuDescription.Describe(isAutomaticChoice));
    }

    /// <summary>
    /// Opens a GPU. The level is O2, which infers address spaces. Below it ILGPU emits generic pointers, which are
    /// slow, and which some OpenCL drivers refuse.
    /// </summary>
    private static DinoDevice OpenGpu(DeviceCatalog.Candidate candidate, bool algorithms)
    {
        try
        {
            DinoDevice device = Create(Configure, candidate.Device, candidate.Info);
            BranchUniformity.AssumeDivergence(device.Context);
            return device;
        }
        catch (Exception exception) when (exception is not DinoException)
        {
            string reason = exception.Message.ReplaceLineEndings(" ");
            throw new DinoException(
                $"{candidate.Info.Id} ({candidate.Info.Name}) does not start: {reason}; --device cpu always works.",
                exception);
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
    internal static string Present() => string.Join(", ", DeviceCatalog.Enumerate().Select(info =>
        info.Refusal is null ? $"{info.Id} ({info.Name})" : $"{info.Id} (refused: {info.Refusal})"));
}
