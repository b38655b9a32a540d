using Dino.Gpu.Devices;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Tests.Support;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Kernels.Portable;

/// <summary>What the tests of single kernels share: the device, its kernels, and seeded data.</summary>
[Collection(PortableCollection.Name)]
public abstract class PortableKernelTest(TestDevices devices)
{
    /// <summary>The kernels that the device would get.</summary>
    private protected PortableKernels Open(TestDevice kind, out Accelerator accelerator)
    {
        DinoDevice device = devices.Open(kind);
        accelerator = device.Accelerator;
        return PortableKernels.Create(accelerator);
    }

    /// <summary>The kernels with groups of at most side x side threads.</summary>
    private protected PortableKernels Open(TestDevice kind, int side, out Accelerator accelerator)
    {
        accelerator = devices.Open(kind).Accelerator;
        return PortableKernels.Create(accelerator, side);
    }

    /// <summary>Values in [-scale, scale).</summary>
    private protected static float[] Random(int count, int seed, float scale = 1)
    {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (random.NextSingle() * 2 - 1) * scale;
        return values;
    }

    /// <summary>Whole numbers from -range to range, whose products and sums a float holds exactly up to 2^24.</summary>
    private protected static float[] RandomIntegers(int count, int seed, int range = 8)
    {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = random.Next(-range, range + 1);
        return values;
    }
}
