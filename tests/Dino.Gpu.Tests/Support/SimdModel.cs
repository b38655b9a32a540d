using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Model;
using Dino.Gpu.Pipeline;

namespace Dino.Gpu.Tests.Support;

/// <summary>A model on the CPU device with registers of a chosen width.</summary>
internal sealed class SimdModel : IDisposable
{
    private readonly DinoDevice _device;

    private SimdModel(DinoDevice device, VitExecutor executor)
    {
        _device = device;
        Executor = executor;
    }

    public VitExecutor Executor { get; }

    public static SimdModel Create(VitWeights weights, SimdWidth? width = null, int threads = 2)
    {
        if (width is { } wanted)
            Require(wanted);
        DinoDevice device = DinoDevice.Open("cpu", threads);
        return new SimdModel(device, SimdExecutor.Create(device, weights, width));
    }

    /// <summary>A model whose products are in a reduced precision.</summary>
    /// <param name="weights">The model.</param>
    /// <param name="kind">The arithmetic; the test is skipped where the processor lacks it.</param>
    /// <param name="bfloat16">Whether patch embedding and attention are in bfloat16, or in float32.</param>
    /// <param name="threads">Threads of the device.</param>
    /// <param name="amx">Whether products are those of AMX; null where the processor has it.</param>
    public static SimdModel Create(VitWeights weights, TileKind kind, bool bfloat16 = true, int threads = 2, bool? amx = null)
    {
        Require(kind, amx == true);
        if (bfloat16)
            Require(TileKind.BFloat16);
        DinoDevice device = DinoDevice.Open("cpu", threads);
        return new SimdModel(device, SimdExecutor.Create(device, weights, kind, bfloat16, amx ?? CpuFeatures.Amx));
    }

    /// <summary>Skips the test when this processor lacks the instructions of a precision.</summary>
    public static void Require(TileKind kind, bool amx = false)
    {
        bool isThere = kind == TileKind.BFloat16 ? CpuFeatures.BFloat16 : CpuFeatures.Int8;
        Assert.SkipUnless(isThere, $"this CPU has no products of {kind} in 512-bit registers");
        Assert.SkipUnless(!amx || CpuFeatures.Amx, "this CPU has no AMX");
    }

    /// <summary>Skips the test when this machine has no registers of that width. Four lanes are always there.</summary>
    public static void Require(SimdWidth width) =>
        Assert.SkipWhen(width > SimdExecutor.BestWidth, $"this CPU has no vectors of {(int)width} floats");

    public void Dispose()
    {
        Executor.Dispose();
        _device.Dispose();
    }
}
