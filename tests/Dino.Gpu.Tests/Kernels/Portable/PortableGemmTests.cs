using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Kernels.Portable;

public sealed class PortableGemmTests(TestDevices devices) : PortableKernelTest(devices)
{
    public static TheoryData<TestDevice, int, int, int> SmallShapes => Shapes(
        Enum.GetValues<TestDevice>(), [(1, 1, 1), (7, 5, 3), (1, 7, 197), (7, 1, 385), (33, 17, 9), (16, 16, 8), (17, 197, 7)]);

    public static TheoryData<TestDevice, int, int, int> ModelShapes => Shapes(
        [TestDevice.OpenCL, TestDevice.Cuda],
        [
            (197, 384, 384), (197, 1152, 384), (197, 1536, 384), (197, 384, 1536), (196, 384, 768), (385, 7, 197),
            (1, 384, 1536), (394, 385, 1)
        ]);

    /// <summary>Whole numbers: every partial sum is exact, so every bit must agree.</summary>
    [Theory]
    [MemberData(nameof(SmallShapes))]
    [MemberData(nameof(ModelShapes))]
    public void Integers_are_exact(TestDevice device, int rows, int columns, int depth)
    {
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] input = RandomIntegers(rows * depth, 1);
        float[] weight = RandomIntegers(columns * depth, 2);
        float[] bias = RandomIntegers(columns, 3);
        float[] actual = Run<StoreEpilogue>(
            kernels, accelerator, input, weight, bias, new float[rows * columns], Dense(rows, columns, depth));
        Tolerance.AssertClose("integers", Reference.Linear(input, weight, bias, rows, depth, columns), actual, 0, columns);
    }

    /// <summary>
    /// Sizes with and without 16-byte rows, past the tiles' edges. Whole numbers are exact in every shape; with others,
    /// every shape gives the bits of every other, because all sum over k in one order.
    /// </summary>
    [Theory]
    [InlineData(4, 150, 132, 48)]
    [InlineData(16, 150, 132, 48)]
    [InlineData(4, 33, 35, 45)]
    [InlineData(8, 77, 131, 45)]
    [InlineData(16, 77, 131, 45)]
    [InlineData(16, 130, 129, 6)]
    public void Every_tile_shape_is_exact_and_gives_the_same_bits(int side, int rows, int columns, int depth)
    {
        PortableKernels kernels = Open(TestDevice.OpenCL, side, out Accelerator accelerator);
        GemmShape shape = Dense(rows, columns, depth);
        float[] bias = RandomIntegers(columns, 3);
        float[] input = RandomIntegers(rows * depth, 1);
        float[] weight = RandomIntegers(columns * depth, 2);
        float[] fractions = Random(rows * depth, 1);
        double[] expected = Reference.Linear(input, weight, bias, rows, depth, columns);
        float[]? first = null;
        foreach (PortableGemm gemm in kernels.Gemms)
        {
            float[] actual = Run<StoreEpilogue>(gemm, accelerator, input, weight, bias, new float[rows * columns], shape);
            Tolerance.AssertClose($"integers, {gemm.TileRows}x{gemm.TileColumns}", expected, actual, 0, columns);
            actual = Run<StoreEpilogue>(gemm, accelerator, fractions, weight, bias, new float[rows * columns], shape);
            Assert.Equal(first ??= actual, actual);
        }
    }

    /// <summary>A product that fills the card gets a large tile, one image and class-token rows a small one.</summary>
    [Fact]
    public void Tile_choice_follows_the_size()
    {
        PortableKernels kernels = Open(TestDevice.OpenCL, 16, out _);
        PortableGemm Choose(int rows, int columns) => TileChoice.Choose(kernels.Gemms, rows, columns, multiprocessors: 132);
        Assert.Equal(128 * 128, Tile(Choose(128 * 197, 1536)));
        Assert.Equal(128 * 128, Tile(Choose(128 * 197, 1152)));
        Assert.True(Choose(128 * 197, 384).TileRows == 128);
        Assert.Equal(32 * 32, Tile(Choose(128, 384)));
        Assert.Equal(32 * 32, Tile(Choose(1, 384)));
        Assert.InRange(Choose(197, 1536).Groups(197, 1536), 64, int.MaxValue);

        static int Tile(PortableGemm gemm) => gemm.TileRows * gemm.TileColumns;
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Epilogues_agree_with_the_twin(TestDevice device)
    {
        (int rows, int columns, int depth) = device == TestDevice.IlgpuCpu ? (7, 19, 13) : (197, 384, 384);
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] input = Random(rows * depth, 1);
        float[] weight = Random(columns * depth, 2, 0.25f);
        float[] bias = Random(columns, 3);
        float[] old = Random(rows * columns, 4);
        GemmShape shape = Dense(rows, columns, depth);
        double[] expected = Reference.Linear(input, weight, bias, rows, depth, columns);

        // Each of depth sums of magnitude about 1 rounds at 2^-24.
        double limit = Math.Max(2e-6, depth * Math.Pow(2, -24));
        Tolerance.AssertClose("bias", expected, Run<StoreEpilogue>(kernels, accelerator, input, weight, bias, old, shape), limit, columns);
        Tolerance.AssertClose(
            "bias + gelu",
            Array.ConvertAll(expected, Reference.Gelu),
            Run<GeluEpilogue>(kernels, accelerator, input, weight, bias, old, shape),
            limit,
            columns);
        double[] added = [.. expected.Zip(old, (product, previous) => product + previous)];
        Tolerance.AssertClose(
            "bias + residual", added, Run<AddEpilogue>(kernels, accelerator, input, weight, bias, old, shape), limit, columns);
    }

    /// <summary>
    /// Gate and up in neighboring columns; a width that no tile divides, and one whose quads are not aligned.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Gated_columns_become_one(TestDevice device)
    {
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        foreach ((int rows, int mlp, int depth) in new[] { (1, 1, 1), (5, 7, 9), (3, 88, 32), (19, 40, 16) })
        {
            float[] input = Random(rows * depth, 1);
            float[] weight = Random(2 * mlp * depth, 2);
            float[] bias = Random(2 * mlp, 3);
            double[] pairs = Reference.Linear(input, weight, bias, rows, depth, 2 * mlp);
            double[] expected = [.. pairs.Chunk(2).Select(pair => Reference.Silu(pair[0]) * pair[1])];
            var shape = new GemmShape(rows, 2 * mlp, depth, depth, mlp, RowMap.Dense);
            float[] actual = Run<GatedEpilogue>(kernels, accelerator, input, weight, bias, new float[rows * mlp], shape);
            Tolerance.AssertClose($"gated ({rows}, {mlp}, {depth})", expected, actual, 1e-5, mlp);
        }
    }

    /// <summary>
    /// Class-token and patch rows land in their own rows, leave the others alone, and have the bits that they have
    /// among all rows.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Row_maps_pick_rows_and_keep_their_bits(TestDevice device)
    {
        const int Images = 3;
        (int tokens, int columns, int depth) = device == TestDevice.IlgpuCpu ? (5, 6, 7) : (50, 97, 129);
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] input = Random(Images * tokens * depth, 1);
        float[] weight = Random(columns * depth, 2);
        float[] bias = Random(columns, 3);
        float[] old = Random(Images * tokens * columns, 4);
        float[] all = Run<StoreEpilogue>(kernels, accelerator, input, weight, bias, old, Dense(Images * tokens, columns, depth));
        foreach ((Rows rows, int count) in new[] { (Rows.ClassToken, Images), (Rows.Patches, Images * (tokens - 1)) })
        {
            var shape = new GemmShape(count, columns, depth, depth, columns, RowMap.Of(rows, tokens));
            float[] actual = Run<StoreEpilogue>(kernels, accelerator, input, weight, bias, old, shape);
            for (int i = 0; i < actual.Length; i++)
            {
                bool isClassToken = i / columns % tokens == 0;
                Assert.Equal(isClassToken == (rows == Rows.ClassToken) ? all[i] : old[i], actual[i]);
            }
        }
    }

    /// <summary>An output that is a column range of a wider buffer, as Query and KeyValue write.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Output_stride_leaves_other_columns_alone(TestDevice device)
    {
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] input = RandomIntegers(5 * 4, 1);
        float[] weight = RandomIntegers(3 * 4, 2);
        float[] bias = RandomIntegers(3, 3);
        var shape = new GemmShape(5, 3, 4, 4, 8, RowMap.Dense);
        float[] actual = Run<StoreEpilogue>(kernels, accelerator, input, weight, bias, new float[5 * 8], shape);
        double[] product = Reference.Linear(input, weight, bias, 5, 4, 3);
        for (int i = 0; i < actual.Length; i++)
            Assert.Equal(i % 8 < 3 ? product[i / 8 * 3 + i % 8] : 0, actual[i]);
    }

    private static GemmShape Dense(int rows, int columns, int depth) => new(rows, columns, depth, depth, columns, RowMap.Dense);

    private static float[] Run<TEpilogue>(
        PortableKernels kernels, Accelerator accelerator, float[] input, float[] weight, float[] bias, float[] old, GemmShape shape)
        where TEpilogue : struct, IEpilogue =>
        Run<TEpilogue>(
            TileChoice.Choose(
                kernels.Gemms, shape.Rows, shape.Columns, accelerator.NumMultiprocessors), accelerator, input, weight, bias, old, shape);

    private static float[] Run<TEpilogue>(
        PortableGemm gemm, Accelerator accelerator, float[] input, float[] weight, float[] bias, float[] old, GemmShape shape)
        where TEpilogue : struct, IEpilogue
    {
        using MemoryBuffer1D<float, Stride1D.Dense> deviceInput = accelerator.Allocate1D(input);
        using MemoryBuffer1D<float, Stride1D.Dense> deviceWeight = accelerator.Allocate1D(weight);
        using MemoryBuffer1D<float, Stride1D.Dense> deviceBias = accelerator.Allocate1D(bias);
        using MemoryBuffer1D<float, Stride1D.Dense> output = accelerator.Allocate1D(old);
        gemm.Launch<TEpilogue>(deviceInput.View, deviceWeight.View, deviceBias.View, shape, output.View);
        return output.GetAsArray1D();
    }

    private static TheoryData<TestDevice, int, int, int> Shapes(TestDevice[] kinds, (int Rows, int Columns, int Depth)[] shapes)
    {
        var data = new TheoryData<TestDevice, int, int, int>();
        foreach (TestDevice kind in kinds)
        {
            foreach ((int rows, int columns, int depth) in shapes)
                data.Add(kind, rows, columns, depth);
        }

        return data;
    }
}
