using System.Globalization;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Tests.Support;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Algorithms.ScanReduceOperations;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Kernels.Portable;

/// <summary>Our reductions beside those of ILGPU.Algorithms, and our exp beside XMath's.</summary>
[Collection(PortableCollection.Name)]
public sealed class AlgorithmsOracleTests
{
    /// <summary>Whole numbers, whose sums are exact in any order.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Reductions_over_a_row_equal_the_package(TestDevice kind)
    {
        using DinoDevice device = TestDevices.OpenOwn(kind, algorithms: true);
        Accelerator accelerator = device.Accelerator;
        var reduce = accelerator.LoadStreamKernel<ArrayView<float>, int, ArrayView<float>, ArrayView<float>>(ReduceKernel);
        foreach (int columns in new[] { 1, 3, 197, 1536 })
        {
            float[] values = [.. Enumerable.Range(0, 4 * columns).Select(i => (float)(i * 7919 % 201 - 100))];
            using MemoryBuffer1D<float, Stride1D.Dense> input = accelerator.Allocate1D(values);
            using MemoryBuffer1D<float, Stride1D.Dense> sums = accelerator.Allocate1D<float>(4);
            using MemoryBuffer1D<float, Stride1D.Dense> maxima = accelerator.Allocate1D<float>(4);
            reduce(
                new KernelConfig(new Index3D(1, 1, 1), new Index3D(Rows4x4.Threads, Rows4x4.Rows, 1)),
                input.View,
                columns,
                sums.View,
                maxima.View);
            float[] actualSums = sums.GetAsArray1D();
            float[] actualMaxima = maxima.GetAsArray1D();
            for (int row = 0; row < 4; row++)
            {
                ArrayView<float> view = input.View.SubView(row * columns, columns);
                Assert.Equal(Oracle<AddFloat>(kind, accelerator, view), actualSums[row]);
                Assert.Equal(Oracle<MaxFloat>(kind, accelerator, view), actualMaxima[row]);
            }
        }
    }

    /// <summary>
    /// Why the kernels do not call XMath: its square root is MathF's, which ILGPU compiles anyway, and its exp is the
    /// device's, an approximation on CUDA. Ours is within a float's rounding on every device.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Own_exp_is_as_good_on_every_device(TestDevice kind)
    {
        using DinoDevice device = TestDevices.OpenOwn(kind, algorithms: true);
        Accelerator accelerator = device.Accelerator;
        float[] x = [.. Enumerable.Range(0, 20_000).Select(i => -80f + i * 0.00801f)];
        using MemoryBuffer1D<float, Stride1D.Dense> input = accelerator.Allocate1D(x);
        using MemoryBuffer1D<float, Stride1D.Dense> own = accelerator.Allocate1D<float>(x.Length);
        using MemoryBuffer1D<float, Stride1D.Dense> package = accelerator.Allocate1D<float>(x.Length);
        using MemoryBuffer1D<float, Stride1D.Dense> root = accelerator.Allocate1D<float>(x.Length);
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>(ExpKernel)(
            x.Length, input.View, own.View, package.View, root.View);
        double ownError = Worst(x, own.GetAsArray1D());
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{kind}: exp, relative error: own {ownError:E2}, XMath {Worst(x, package.GetAsArray1D()):E2}"));
        Assert.InRange(ownError, 0, 1.2e-7);
        Assert.Equal(x.Select(value => MathF.Sqrt(MathF.Abs(value))), root.GetAsArray1D());
    }

    /// <summary>Grid: one group, four rows of four threads.</summary>
    private static void ReduceKernel(ArrayView<float> values, int columns, ArrayView<float> sums, ArrayView<float> maxima)
    {
        ArrayView<float> sumScratch = SharedMemory.Allocate<float>(16);
        ArrayView<float> maxScratch = SharedMemory.Allocate<float>(16);
        float sum = 0;
        float max = float.NegativeInfinity;
        for (int column = Group.IdxX; column < columns; column += Rows4x4.Threads)
        {
            float value = values[Group.IdxY * columns + column];
            sum += value;
            max = value > max ? value : max;
        }

        sum = GroupReduction.AllReduceRow<Rows4x4, SumReduction>(sum, sumScratch);
        max = GroupReduction.AllReduceRow<Rows4x4, MaxReduction>(max, maxScratch);
        if (Group.IdxX == 0)
        {
            sums[Group.IdxY] = sum;
            maxima[Group.IdxY] = max;
        }
    }

    private static void ExpKernel(Index1D i, ArrayView<float> x, ArrayView<float> own, ArrayView<float> package, ArrayView<float> root)
    {
        own[i] = ScalarMath.Exp(x[i]);
        package[i] = XMath.Exp(x[i]);
        root[i] = XMath.Sqrt(x[i] < 0 ? -x[i] : x[i]);
    }

    private static float Oracle<TReduction>(TestDevice kind, Accelerator accelerator, ArrayView<float> view)
        where TReduction : struct, IScanReduceOperation<float>
    {
        try
        {
            return accelerator.Reduce<float, TReduction>(accelerator.DefaultStream, view);
        }
        catch (Exception failure) when (kind == TestDevice.OpenCL)
        {
            Assert.Skip($"the reduction of ILGPU.Algorithms does not run on {accelerator.Name}: {failure.Message}");
            throw;
        }
    }

    private static double Worst(float[] x, float[] exp) => x.Zip(exp, (value, e) => Math.Abs(e / Math.Exp(value) - 1)).Max();
}
