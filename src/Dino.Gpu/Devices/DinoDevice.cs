using System.Globalization;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace Dino.Gpu.Devices;

/// <summary>An opened accelerator. Whoever opened it disposes it, after the buffers allocated on it.</summary>
internal sealed class DinoDevice : IDisposable
{
    /// <summary>More threads than this are not one core each on any machine; ILGPU itself stops at 32767.</summary>
    private const int MaxThreads = 4096;

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

    /// <summary>The kernels that suit it.</summary>
    public KernelFamily Family => Info.Family;

    /// <summary>Opens a device. Only what the choice needs is probed: <c>cpu</c> touches no driver.</summary>
    /// <param name="spec"><c>auto</c>, <c>cpu</c>, <c>cuda[:N]</c> or <c>opencl[:N]</c>.</param>
    /// <param name="threads">Threads of the CPU device; null for one a core.</param>
    /// <exception cref="DinoException">No such device, or it cannot be used.</exception>
    public static DinoDevice Open(string spec, int? threads = null)
    {
        (string kind, int index) = Parse(spec);
        if (kind == "cpu")
            return OpenCpu(threads, isAutomaticChoice: false);
        if (kind == "auto")
        {
            // OpenCL platforms are slow to load, so they are asked only when there is no CUDA device.
            DeviceCatalog.Candidate? choice =
                DeviceCatalog.AutomaticChoice(DeviceCatalog.FindCuda()) ?? DeviceCatalog.AutomaticChoice(DeviceCatalog.FindOpenCL());
            return choice is null
                ? OpenCpu(threads, isAutomaticChoice: true)
                : OpenGpu(choice with { Info = choice.Info with { IsAutomaticChoice = true } });
        }

        List<DeviceCatalog.Candidate> candidates = kind == "cuda" ? DeviceCatalog.FindCuda() : DeviceCatalog.FindOpenCL();
        if (index >= candidates.Count)
            throw new DinoException($"No device '{spec}' here. Present: {Present()}.");
        DeviceInfo info = candidates[index].Info;
        return info.Refusal is null
            ? OpenGpu(candidates[index])
            : throw new DinoException($"{info.Id} ({info.Name}) cannot be used: {info.Refusal}. Present: {Present()}.");
    }

    public void Dispose()
    {
        Accelerator.Dispose();
        Context.Dispose();
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
    /// The CPU device has one multiprocessor a thread: ILGPU spreads a grid evenly over multiprocessors, and the SIMD family runs one
    /// group of one thread on each. ILGPU asks for at least two threads a warp; the second of each stays idle. There a kernel's own
    /// .NET code runs, whatever ILGPU's optimiser does, so it is kept short: O0 loads kernels sooner.
    /// </summary>
    private static DinoDevice OpenCpu(int? threads, bool isAutomaticChoice)
    {
        int count = threads ?? Environment.ProcessorCount;
        if (count is < 1 or > MaxThreads)
            throw new DinoException($"The CPU device takes 1 to {MaxThreads} threads, not {count}.");
        var device = new CPUDevice(numThreadsPerWarp: 2, numWarpsPerMultiprocessor: 1, numMultiprocessors: count);
        return Create(builder => builder.CPU(device).Optimize(OptimizationLevel.O0), device, CpuDescription.Describe(isAutomaticChoice));
    }

    /// <summary>O2 infers address spaces; below it, ILGPU emits generic pointers, slow everywhere and refused by some OpenCL drivers.</summary>
    private static DinoDevice OpenGpu(DeviceCatalog.Candidate candidate)
    {
        try
        {
            DinoDevice device = Create(builder => builder.Optimize(OptimizationLevel.O2), candidate.Device, candidate.Info);
            BranchUniformity.AssumeDivergence(device.Context);
            return device;
        }
        catch (Exception exception) when (exception is not DinoException)
        {
            string reason = exception.Message.ReplaceLineEndings(" ");
            throw new DinoException($"{candidate.Info.Id} ({candidate.Info.Name}) does not start: {reason}; --device cpu always works.", exception);
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
