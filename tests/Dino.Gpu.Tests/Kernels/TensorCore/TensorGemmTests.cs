using System.Reflection;
using System.Runtime.InteropServices;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Kernels.Warpgroup;
using Dino.Gpu.Tests.Cuda;
using Dino.Gpu.Vit;
using Gemm = Dino.Gpu.Kernels.TensorCore.Gemm;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>
/// The matrix product's PTX, as ILGPU compiles it, run on the host by <see cref="PtxMachine"/>: every lane of every
/// warp, against double precision.
/// </summary>
public sealed class TensorGemmTests
{
    public static TheoryData<Type, Type, Type> Kernels()
    {
        var data = new TheoryData<Type, Type, Type>();
        foreach (Type tile in new[] { typeof(Tile128X128), typeof(Tile64X64) })
        {
            foreach (Type format in new[] { typeof(BFloat16Format), typeof(Float16Format), typeof(TensorFloat32Format) })
            {
                foreach (Type epilogue in new[] { typeof(StoreEpilogue<>), typeof(StoreFloatEpilogue<>),
                    typeof(Dino.Gpu.Kernels.TensorCore.GeluEpilogue<>), typeof(Dino.Gpu.Kernels.TensorCore.AddEpilogue<>),
                    typeof(Dino.Gpu.Kernels.TensorCore.GatedEpilogue<>) })
                    data.Add(tile, format, epilogue);
                if (format == typeof(Float16Format))
                    data.Add(tile, format, typeof(AddScaledEpilogue<>));
            }
        }

        return data;
    }

    /// <summary>
    /// 197 rows of tokens of which some are skipped, N that no tile divides, K of one slice, of fewer slices than slots
    /// and of more.
    /// </summary>
    [Theory]
    [MemberData(nameof(Kernels))]
    public void Product_is_that_of_double_precision(Type tile, Type format, Type epilogue)
    {
        MethodInfo kernel = typeof(Gemm).GetMethod(nameof(Gemm.Kernel))!.MakeGenericMethod(tile, format, epilogue.MakeGenericType(format));
        var program = new PtxProgram(GpuKernels.Compile(kernel));
        int slice = format == typeof(TensorFloat32Format) ? 16 : 32;
        int side = tile == typeof(Tile128X128) ? 128 : 64;
        var product = new Product(program, side, side, 128, 0, format, epilogue);
        Check(product, 1, 8, slice, RowMap.Dense);
        Check(product, 130, 136, 2 * slice, RowMap.Dense);
        Check(product, 66, 72, 7 * slice, RowMap.Of(Rows.Patches, 34));
        Check(product, 3, 64, 3 * slice, RowMap.Of(Rows.ClassToken, 5));
        Check(product, 64, 64, slice, RowMap.Dense);
    }

    public static TheoryData<string> WarpgroupKernels() => [.. ProductKernel.All.Select(kernel => kernel.Name)];

    /// <summary>
    /// The same with wgmma, whose slices are twice as long: K of half a slice, of one, of one and a half, of fewer slices
    /// than slots and of more.
    /// </summary>
    [Theory]
    [MemberData(nameof(WarpgroupKernels))]
    public void Warpgroup_product_is_that_of_double_precision(string name)
    {
        Product product = Warpgroup(ProductKernel.All.Single(kernel => kernel.Name == name));
        Check(product, 1, 8, 32, RowMap.Dense);
        Check(product, 130, 136, 64, RowMap.Dense);
        Check(product, 66, 72, 224, RowMap.Of(Rows.Patches, 34));
        Check(product, 3, 64, 96, RowMap.Of(Rows.ClassToken, 5));
        Check(product, 65, 64, 448, RowMap.Dense);
    }

    /// <summary>The products of ViT-S/16, of rows that no tile divides.</summary>
    [Theory]
    [InlineData(197, 384, 768, "Add")]
    [InlineData(70, 1152, 384, "Store")]
    [InlineData(65, 1152, 384, "StoreFloat")]
    [InlineData(66, 1536, 384, "Gelu")]
    [InlineData(67, 384, 1536, "Add")]
    [InlineData(66, 3072, 384, "Gated")]
    public void Warpgroup_product_has_the_sizes_of_the_model(int rows, int columns, int depth, string epilogue)
    {
        foreach (WarpgroupTile tile in WarpgroupTile.All)
        {
            Precision precision = tile == WarpgroupTile.Large ? Precision.BFloat16 : Precision.Float16;
            RowMap map = rows == 197 ? RowMap.Of(Rows.Patches, 198) : RowMap.Dense;
            Check(Warpgroup(new ProductKernel(tile, precision, Enum.Parse<ProductEpilogue>(epilogue))), rows, columns, depth, map);
        }
    }

    /// <summary>The types that say the same of a product on the other tensor cores: its format and its epilogue.</summary>
    internal static (Type Format, Type Epilogue) TypesOf(ProductKernel kernel) => (
        kernel.Precision == Precision.BFloat16 ? typeof(BFloat16Format) : typeof(Float16Format),
        kernel.Epilogue switch
        {
            ProductEpilogue.Store => typeof(StoreEpilogue<>),
            ProductEpilogue.StoreFloat => typeof(StoreFloatEpilogue<>),
            ProductEpilogue.Gelu => typeof(Dino.Gpu.Kernels.TensorCore.GeluEpilogue<>),
            ProductEpilogue.Gated => typeof(Dino.Gpu.Kernels.TensorCore.GatedEpilogue<>),
            ProductEpilogue.AddScaled => typeof(AddScaledEpilogue<>),
            _ => typeof(Dino.Gpu.Kernels.TensorCore.AddEpilogue<>),
        });

    private static Product Warpgroup(ProductKernel kernel)
    {
        (Type format, Type epilogue) = TypesOf(kernel);
        return new Product(
            new PtxProgram(ProductText.Of(kernel)), kernel.Tile.Rows, kernel.Tile.Columns, kernel.Tile.Threads, kernel.Tile.SharedBytes,
            format, epilogue);
    }

    private static void Check(Product kernel, int rows, int columns, int depth, RowMap map)
    {
        var data = new TensorProductCase(rows, columns, depth, map, kernel.Format, kernel.Epilogue);
        Assert.Equal([8, 8, 8, 36, 8], kernel.Program.ParameterSizes);
        byte[] memory = data.Memory();
        using var machine = new PtxMachine(kernel.Program, memory);
        machine.SetAddress(0, TensorProductCase.InputStart);
        machine.SetAddress(1, data.WeightStart);
        machine.SetAddress(2, data.BiasStart);
        TensorGemmShape shape = data.Shape;
        ReadOnlySpan<int> words = MemoryMarshal.Cast<TensorGemmShape, int>(new ReadOnlySpan<TensorGemmShape>(in shape));
        for (int i = 0; i < words.Length; i++)
            machine.Set(3, 4 * i, words[i]);
        machine.SetAddress(4, data.OutputStart);
        machine.Run(
            ((shape.Columns + kernel.TileColumns - 1) / kernel.TileColumns, (rows + kernel.TileRows - 1) / kernel.TileRows, 1),
            (kernel.Threads, 1, 1), kernel.DynamicShared);
        machine.Read(memory);
        data.Verify(memory);
    }

    /// <summary>A kernel, its tile and launch, and the types that say what it computes.</summary>
    private sealed record Product(
        PtxProgram Program, int TileRows, int TileColumns, int Threads, int DynamicShared, Type Format, Type Epilogue);
}
