using Dino.Gpu.Devices;
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
        return new SimdModel(device, SimdExecutor.Create(device.Accelerator, weights, width));
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
