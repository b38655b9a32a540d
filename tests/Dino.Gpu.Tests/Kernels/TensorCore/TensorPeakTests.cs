using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Tests.Cuda;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>The peak's PTX, run on the host: it multiplies what it has written, and stores nothing.</summary>
public sealed class TensorPeakTests
{
    [Theory]
    [InlineData(typeof(BFloat16Format))]
    [InlineData(typeof(Float16Format))]
    [InlineData(typeof(TensorFloat32Format))]
    public void Products_have_operands(Type format)
    {
        string ptx = GpuKernels.Compile(typeof(TensorPeak).GetMethod(nameof(TensorPeak.Kernel))!.MakeGenericMethod(format));
        byte[] global = [1, 2, 3, 4];
        using var machine = new PtxMachine(new PtxProgram(ptx), global);
        machine.Set(0, 0, 3);
        machine.Run((2, 1, 1), (128, 1, 1));
        machine.Read(global);
        Assert.Equal([1, 2, 3, 4], global);
    }
}
