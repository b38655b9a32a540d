using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Kernels.Warpgroup;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Ops.TensorCore;

/// <summary>
/// A small product that a device has to compute with wgmma before others are entrusted to it: small integers, whose sums
/// are exact in every order, rows and columns that no tile divides, and six slices and a half of k, so that every slot of
/// the ring is filled anew.
/// </summary>
internal static class WarpgroupTrial
{
    private const int Rows = 70;
    private const int Columns = 72;
    private const int Depth = 416;

    /// <exception cref="DeviceException">It gives a wrong number.</exception>
    public static void Run(WarpgroupProducts products, Accelerator accelerator, WarpgroupTile tile, Precision precision)
    {
        int[] left = Values(Rows * Depth, 7), right = Values(Columns * Depth, 5);
        using MemoryBuffer1D<uint, Stride1D.Dense> input = accelerator.Allocate1D(Words(left, precision));
        using MemoryBuffer1D<uint, Stride1D.Dense> weight = accelerator.Allocate1D(Words(right, precision));
        using MemoryBuffer1D<float, Stride1D.Dense> bias = accelerator.Allocate1D([.. Enumerable.Range(0, Columns).Select(i => (float)i)]);
        using MemoryBuffer1D<float, Stride1D.Dense> output = accelerator.Allocate1D<float>(Rows * Columns);
        products.Launch(
            tile, ProductEpilogue.StoreFloat, Address(input), Address(weight), Address(bias),
            new TensorGemmShape(Rows, Columns, Depth * sizeof(short), Columns, RowMap.Dense), Address(output));
        accelerator.Synchronize();
        float[] found = output.GetAsArray1D();
        for (int i = 0; i < found.Length; i++)
        {
            int expected = i % Columns;
            for (int k = 0; k < Depth; k++)
                expected += left[i / Columns * Depth + k] * right[i % Columns * Depth + k];
            if (found[i] != expected)
                throw new DeviceException($"a small product gives a wrong number (expected {expected}, found {found[i]})");
        }
    }

    /// <summary>Integers from -4 to 4 in an order without a pattern.</summary>
    private static int[] Values(int count, uint seed)
    {
        int[] values = new int[count];
        for (int i = 0; i < count; i++)
        {
            seed = seed * 1664525 + 1013904223;
            values[i] = (int)((seed >> 16) % 9) - 4;
        }

        return values;
    }

    private static uint[] Words(int[] values, Precision precision)
    {
        uint[] words = new uint[values.Length / 2];
        for (int i = 0; i < words.Length; i++)
            words[i] = Round(values[2 * i]) | (Round(values[2 * i + 1]) << 16);
        return words;

        uint Round(int value) => precision == Precision.BFloat16 ? BFloat16Format.Round(value) : Float16Format.Round(value);
    }

    private static long Address<T>(MemoryBuffer1D<T, Stride1D.Dense> buffer)
        where T : unmanaged => buffer.View.AsContiguous().LoadEffectiveAddressAsPtr();
}
