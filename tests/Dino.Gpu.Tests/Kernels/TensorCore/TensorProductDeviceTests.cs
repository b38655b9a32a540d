using System.Reflection;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Kernels.Warpgroup;
using Dino.Gpu.Ops.TensorCore;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Gemm = Dino.Gpu.Kernels.TensorCore.Gemm;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>Each matrix product on the CUDA device itself, a card where there is one, against double precision.</summary>
[Collection(PortableCollection.Name)]
public sealed class TensorProductDeviceTests(TestDevices devices)
{
    [Theory]
    [MemberData(nameof(TensorGemmTests.Kernels), MemberType = typeof(TensorGemmTests))]
    public void Product_on_the_device_is_that_of_double_precision(Type tile, Type format, Type epilogue)
    {
        DinoDevice device = devices.Open(TestDevice.Cuda);
        Precision precision = format == typeof(BFloat16Format) ? Precision.BFloat16
            : format == typeof(Float16Format) ? Precision.Float16
            : Precision.TensorFloat32;
        Assert.SkipUnless(device.Info.Precisions.Contains(precision), $"{device.Info.Name} does not compute in {precision}");
        int side = tile == typeof(Tile128X128) ? 128 : 64;
        var load = typeof(TensorProductDeviceTests).GetMethod(nameof(Load), BindingFlags.Static | BindingFlags.NonPublic)!
            .MakeGenericMethod(tile, format, epilogue.MakeGenericType(format))
            .CreateDelegate<Func<Accelerator, Action<KernelConfig, long, long, long, TensorGemmShape, long>>>();
        Action<KernelConfig, long, long, long, TensorGemmShape, long> kernel = load(device.Accelerator);
        Check(device.Accelerator, format, epilogue, (input, weight, bias, shape, output) => kernel(
            new KernelConfig(
                new Index3D((shape.Columns + side - 1) / side, (shape.Rows + side - 1) / side, 1), new Index3D(128, 1, 1)),
            input, weight, bias, shape, output));
    }

    [Theory]
    [MemberData(nameof(TensorGemmTests.WarpgroupKernels), MemberType = typeof(TensorGemmTests))]
    public void Warpgroup_product_on_the_device_is_that_of_double_precision(string name)
    {
        DinoDevice device = devices.Open(TestDevice.Cuda);
        Assert.SkipUnless(
            device.Accelerator is CudaAccelerator { Architecture: { Major: 9, Minor: 0 } }, $"{device.Info.Name} has no wgmma");
        ProductKernel kernel = ProductKernel.All.Single(one => one.Name == name);
        using WarpgroupProducts products =
            WarpgroupProducts.TryOpen(device, kernel.Precision, reason => Assert.Fail(reason))!;
        (Type format, Type epilogue) = TensorGemmTests.TypesOf(kernel);
        Check(device.Accelerator, format, epilogue, (input, weight, bias, shape, output) =>
            products.Launch(kernel.Tile, kernel.Epilogue, input, weight, bias, shape, output));
    }

    /// <summary>Rows and columns that no tile divides, of which some are left out; K of more slices than slots, and a half.</summary>
    private static void Check(Accelerator accelerator, Type format, Type epilogue, Action<long, long, long, TensorGemmShape, long> launch)
    {
        var data = new TensorProductCase(66, 72, 416, RowMap.Of(Rows.Patches, 34), format, epilogue);
        byte[] memory = data.Memory();
        using MemoryBuffer1D<byte, Stride1D.Dense> buffer = accelerator.Allocate1D(memory);
        long start = buffer.View.AsContiguous().LoadEffectiveAddressAsPtr();
        launch(
            start + TensorProductCase.InputStart, start + data.WeightStart, start + data.BiasStart, data.Shape, start + data.OutputStart);
        accelerator.Synchronize();
        data.Verify(buffer.GetAsArray1D());
    }

    private static Action<KernelConfig, long, long, long, TensorGemmShape, long> Load<TTile, TFormat, TEpilogue>(Accelerator accelerator)
        where TTile : struct, IGemmTile
        where TFormat : struct, ITensorFormat
        where TEpilogue : struct, ITensorEpilogue<TFormat> =>
        accelerator.LoadStreamKernel<long, long, long, TensorGemmShape, long>(Gemm.Kernel<TTile, TFormat, TEpilogue>);
}
