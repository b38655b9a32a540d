using System.Buffers.Binary;
using System.Reflection;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Kernels.Warpgroup;
using Dino.Gpu.Tests.Cuda;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;
using Gemm = Dino.Gpu.Kernels.TensorCore.Gemm;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>
/// The matrix product's PTX, as ILGPU compiles it, run on the host by <see cref="PtxMachine"/>: every lane of every
/// warp, against double precision.
/// </summary>
public sealed class TensorGemmTests
{
    private const int Start = 4096;

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

    private static Product Warpgroup(ProductKernel kernel) => new(
        new PtxProgram(ProductText.Of(kernel)), kernel.Tile.Rows, kernel.Tile.Columns, kernel.Tile.Threads, kernel.Tile.SharedBytes,
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

    private static void Check(Product kernel, int rows, int columns, int depth, RowMap map)
    {
        (PtxProgram program, Type format, Type epilogue) = (kernel.Program, kernel.Format, kernel.Epilogue);
        var random = new Random(rows + columns + depth);
        int elementSize = format == typeof(TensorFloat32Format) ? 4 : 2;
        bool isGelu = epilogue == typeof(Dino.Gpu.Kernels.TensorCore.GeluEpilogue<>);
        bool isGated = epilogue == typeof(Dino.Gpu.Kernels.TensorCore.GatedEpilogue<>);
        bool hasGains = epilogue == typeof(AddScaledEpilogue<>);
        bool adds = hasGains || epilogue == typeof(Dino.Gpu.Kernels.TensorCore.AddEpilogue<>);
        bool stores16 = elementSize == 2 && epilogue != typeof(StoreFloatEpilogue<>) && !adds;
        int pair = isGated ? 2 : 1; // columns of the product that make one value
        columns = (columns + 8 * pair - 1) / (8 * pair) * (8 * pair);
        int bufferRows = map.BufferRow(rows - 1) + 1;
        int outputStride = columns / pair + 8;
        double[] a = Random(random, bufferRows * depth, format);
        double[] b = Random(random, columns * depth, format);
        float[] bias = [.. Enumerable.Range(0, hasGains ? 2 * columns : columns).Select(_ => random.NextSingle() - 0.5f)];
        float[] previous = [.. Enumerable.Range(0, bufferRows * outputStride).Select(_ => random.NextSingle() - 0.5f)];

        int weightStart = Align(Start + a.Length * elementSize);
        int biasStart = Align(weightStart + b.Length * elementSize);
        int outputStart = Align(biasStart + 4 * bias.Length);
        int outputSize = stores16 ? 2 : 4;
        byte[] global = new byte[outputStart + bufferRows * outputStride * outputSize];
        Array.Fill(global, (byte)0xff);
        Store(global, Start, a, format);
        Store(global, weightStart, b, format);
        Store(global, biasStart, [.. bias.Select(value => (double)value)], null);
        if (!stores16)
            Store(global, outputStart, [.. previous.Select(value => (double)value)], null);

        Assert.Equal([8, 8, 8, 36, 8], program.ParameterSizes);
        using var machine = new PtxMachine(program, global);
        machine.SetAddress(0, Start);
        machine.SetAddress(1, weightStart);
        machine.SetAddress(2, biasStart);
        int[] shape =
        [
            rows, columns, depth * elementSize, pair * outputStride,
            map.RowsPerImage, (int)map.Reciprocal, map.Shift, map.ImageStride, map.FirstRow,
        ];
        for (int i = 0; i < shape.Length; i++)
            machine.Set(3, 4 * i, shape[i]);
        machine.SetAddress(4, outputStart);
        machine.Run(
            ((columns + kernel.TileColumns - 1) / kernel.TileColumns, (rows + kernel.TileRows - 1) / kernel.TileRows, 1),
            (kernel.Threads, 1, 1), kernel.DynamicShared);
        machine.Read(global);

        bool[] written = new bool[previous.Length];
        double worst = 0;
        for (int row = 0; row < rows; row++)
        {
            int bufferRow = map.BufferRow(row);
            for (int column = 0; column < columns / pair; column++)
            {
                (double sum, double size) = Sum(bufferRow, column * pair);
                (double up, double upSize) = isGated ? Sum(bufferRow, column * pair + 1) : default;
                int index = bufferRow * outputStride + column;
                written[index] = true;
                double expected = isGelu ? 0.5 * sum * (1 + Reference.Erf(sum / Math.Sqrt(2)))
                    : isGated ? Reference.Silu(sum) * up
                    : adds ? previous[index] + sum * (hasGains ? bias[columns + column] : 1)
                    : sum;
                double actual = Read(global, outputStart, index, stores16 ? format : null);
                // Half a unit of the output format's last place, and the float32 sums.
                bool rounds = stores16
                    || (format == typeof(TensorFloat32Format) && (epilogue == typeof(StoreEpilogue<>) || isGelu || isGated));
                double ulp = !rounds ? 0 : format == typeof(BFloat16Format) ? 1.0 / 256 : 1.0 / 2048;
                double limit = Math.Abs(expected) * ulp * 1.001 + 1e-6 * (1 + size) * (1 + upSize);
                Assert.True(
                    Math.Abs(actual - expected) <= limit,
                    $"[{row}, {column}] of ({rows}, {columns}, {depth}): expected {expected:G9}, got {actual:G9}");
                worst = Math.Max(worst, Math.Abs(actual - expected));
            }
        }

        (double Sum, double Size) Sum(int bufferRow, int column)
        {
            double sum = bias[column];
            double size = Math.Abs(sum);
            for (int k = 0; k < depth; k++)
            {
                double product = a[bufferRow * depth + k] * b[column * depth + k];
                sum += product;
                size += Math.Abs(product);
            }

            return (sum, size);
        }

        for (int i = 0; i < written.Length; i++)
        {
            if (!written[i])
                Assert.True(
                    stores16
                        ? BitConverter.ToUInt16(global, outputStart + 2 * i) == 0xffff
                        : Read(global, outputStart, i, null) == previous[i],
                    $"value {i} was not asked for");
        }
    }

    private static int Align(int address) => (address + 255) / 256 * 256;

    /// <summary>Values that the format holds exactly, so that only sums and outputs round.</summary>
    private static double[] Random(Random random, int count, Type format) =>
        [.. Enumerable.Range(0, count).Select(_ => Decode(Encode(random.NextSingle() * 2 - 1, format), format))];

    private static uint Encode(float value, Type? format) =>
        format == typeof(BFloat16Format) ? BFloat16Format.Round(value)
        : format == typeof(Float16Format) ? BitConverter.HalfToUInt16Bits((System.Half)value)
        : format == typeof(TensorFloat32Format) ? TensorFloat32Format.Round(value)
        : BitConverter.SingleToUInt32Bits(value);

    private static double Decode(uint bits, Type? format) =>
        format == typeof(BFloat16Format) ? BitConverter.UInt32BitsToSingle(bits << 16)
        : format == typeof(Float16Format) ? (double)BitConverter.UInt16BitsToHalf((ushort)bits)
        : BitConverter.UInt32BitsToSingle(bits);

    private static void Store(byte[] memory, int start, double[] values, Type? format)
    {
        int size = format == typeof(BFloat16Format) || format == typeof(Float16Format) ? 2 : 4;
        for (int i = 0; i < values.Length; i++)
        {
            uint bits = Encode((float)values[i], format);
            if (size == 2)
                BinaryPrimitives.WriteUInt16LittleEndian(memory.AsSpan(start + 2 * i), (ushort)bits);
            else
                BinaryPrimitives.WriteUInt32LittleEndian(memory.AsSpan(start + 4 * i), bits);
        }
    }

    private static double Read(byte[] memory, int start, int index, Type? format) => format == null
        ? BitConverter.ToSingle(memory, start + 4 * index)
        : Decode(BitConverter.ToUInt16(memory, start + 2 * index), format);

    /// <summary>A kernel, its tile and launch, and the types that say what it computes.</summary>
    private sealed record Product(
        PtxProgram Program, int TileRows, int TileColumns, int Threads, int DynamicShared, Type Format, Type Epilogue);
}
