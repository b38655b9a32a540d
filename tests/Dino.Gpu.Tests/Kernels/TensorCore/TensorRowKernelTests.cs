using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.TensorCore;
using Dino.Gpu.Tests.Cuda;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>
/// What stands between the products: LayerNorm from its PTX, unfold, rounding and conversion of weights as .NET runs
/// them.
/// </summary>
public sealed class TensorRowKernelTests
{
    /// <summary>
    /// ViT-S, ViT-B, as much as registers hold, more than that, less than a quad a lane; rows that fill no group, all
    /// rows and a part of them.
    /// </summary>
    [Theory]
    [InlineData(typeof(Float16Format), 384, 7)]
    [InlineData(typeof(BFloat16Format), 384, 197)]
    [InlineData(typeof(TensorFloat32Format), 384, 5)]
    [InlineData(typeof(Float16Format), 768, 4)]
    [InlineData(typeof(Float16Format), 1024, 3)]
    [InlineData(typeof(BFloat16Format), 1280, 2)]
    [InlineData(typeof(TensorFloat32Format), 32, 9)]
    [InlineData(typeof(Float16Format), 32, 1)]
    public void LayerNorm_is_that_of_double_precision(Type format, int columns, int rows)
    {
        const float Epsilon = 1e-6f;
        const int Start = 256;
        int size = format == typeof(TensorFloat32Format) ? 4 : 2;
        var random = new Random(columns);
        RowMap map = RowMap.Of(Rows.Patches, 4);
        int bufferRows = map.BufferRow(rows - 1) + 1;
        float[] Values(int count, int least) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 4 + least)];
        // The mean is far from zero, so that a variance of raw squares would show, and squares past the last column
        // too.
        (float[] input, float[] weight, float[] bias) = (Values(bufferRows * columns, 20), Values(columns, -1), Values(columns, -1));
        int weightStart = Start + 4 * input.Length;
        int outputStart = weightStart + 8 * columns;
        byte[] global = new byte[outputStart + size * bufferRows * columns];
        Array.Fill(global, (byte)0xff);
        Buffer.BlockCopy(input, 0, global, Start, 4 * input.Length);
        Buffer.BlockCopy(weight, 0, global, weightStart, 4 * columns);
        Buffer.BlockCopy(bias, 0, global, weightStart + 4 * columns, 4 * columns);

        var program = new PtxProgram(
            GpuKernels.Compile(typeof(RowKernels).GetMethod(nameof(RowKernels.LayerNormKernel))!.MakeGenericMethod(format)));
        Assert.Equal([16, 16, 16, 56, 8], program.ParameterSizes);
        using var machine = new PtxMachine(program, global);
        machine.SetAddress(0, Start);
        machine.SetAddress(1, weightStart);
        machine.SetAddress(2, weightStart + 4 * columns);
        machine.SetAddress(4, outputStart);
        var outputMap = new RowMap(3, 4, 1);
        int[] shape = [rows, columns, BitConverter.SingleToInt32Bits(Epsilon), .. Words(map), .. Words(outputMap), 1];
        for (int i = 0; i < shape.Length; i++)
            machine.Set(3, 4 * i, shape[i]);
        machine.Run(((rows + RowKernels.RowsPerGroup - 1) / RowKernels.RowsPerGroup, 1, 1), (32, RowKernels.RowsPerGroup, 1));
        machine.Read(global);

        float[] RowValues(Func<int, float> read) =>
            [.. Enumerable.Range(0, rows).SelectMany(row => Enumerable.Range(map.BufferRow(row) * columns, columns).Select(read))];
        double[] expected = Reference.LayerNorm(RowValues(i => input[i]), weight, bias, Epsilon, rows, columns);
        float[] actual = RowValues(i => Decode(global, outputStart + size * i, format));
        // values below 16, half a unit of the last place
        Tolerance.AssertClose(
            $"LayerNorm in {format.Name}", expected, actual, format == typeof(BFloat16Format) ? 8 / 256.0 : 8 / 2048.0, columns);
        for (int row = 0; row < bufferRows; row += 4)
            Assert.True(
                global.AsSpan(outputStart + size * row * columns, size * columns).IndexOfAnyExcept((byte)0xff) < 0,
                $"row {row} was not asked for");
    }

    [Fact]
    public void Unfold_round_and_convert_agree_in_every_format()
    {
        using Context context = Context.Create(builder => builder.CPU());
        using Accelerator accelerator = context.CreateCPUAccelerator(0);
        foreach (double scale in new[] { 1, 0.7, 1.6, 0.9999999999 })
        {
            Check<BFloat16Format>(accelerator, scale);
            Check<Float16Format>(accelerator, scale);
            Check<TensorFloat32Format>(accelerator, scale);
        }
    }

    /// <summary>Patches of 14 pixels behind registers, in rows of 608 columns of which 20 are zero.</summary>
    [Fact]
    public void Padded_unfold_and_rotation_are_the_portable_ones_rounded()
    {
        using Context context = Context.Create(builder => builder.CPU());
        using Accelerator accelerator = context.CreateCPUAccelerator(0);
        foreach (double scale in new[] { 1, 0.7 })
        {
            CheckPadded<BFloat16Format>(accelerator, scale);
            CheckPadded<Float16Format>(accelerator, scale);
            CheckPadded<TensorFloat32Format>(accelerator, scale);
        }

        CheckRotation<BFloat16Format>(accelerator);
        CheckRotation<Float16Format>(accelerator);
        CheckRotation<TensorFloat32Format>(accelerator);
    }

    [Fact]
    public void Rounding_is_to_nearest()
    {
        Assert.Equal(0x3f80u, BFloat16Format.Round(1f + 1f / 256)); // a tie goes to the even neighbor
        Assert.Equal(0x3f82u, BFloat16Format.Round(1f + 3f / 256));
        Assert.Equal(0xbf81u, BFloat16Format.Round(-1f - 1.1f / 256));
        Assert.Equal(0x3c00u, Float16Format.Round(1f + 1f / 2048));
        Assert.Equal(0x3c01u, Float16Format.Round(1f + 1.1f / 2048));
        Assert.Equal(0x3f802000u, TensorFloat32Format.Round(1f + 1f / 2048)); // away from zero, as cvt.rna
        Assert.Equal(0x3f800000u, TensorFloat32Format.Round(1f + 0.9f / 2048));
    }

    [Fact]
    public void Float16_rounds_as_the_runtime_does()
    {
        for (uint bits = 0; bits < uint.MaxValue - 70001; bits += 70001)
        {
            float value = BitConverter.UInt32BitsToSingle(bits);
            if (!float.IsNaN(value))
                Assert.Equal(BitConverter.HalfToUInt16Bits((System.Half)value), Float16Format.Round(value));
        }

        Assert.Equal(0x7c00u, Float16Format.Round(65520f));
        Assert.Equal(0x7bffu, Float16Format.Round(65519f));
        Assert.Equal(0x7e00u, Float16Format.Round(float.NaN) & 0x7e00u);
    }

    private static float Decode(byte[] memory, int start, Type format) =>
        format == typeof(BFloat16Format) ? BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(memory, start) << 16)
        : format == typeof(Float16Format) ? (float)BitConverter.ToHalf(memory, start)
        : BitConverter.ToSingle(memory, start);

    private static void Check<TFormat>(Accelerator accelerator, double scale)
        where TFormat : struct, ITensorFormat
    {
        var config =
            new VitConfig
            {
                HiddenSize = 32,
                HeadCount = 1,
                MlpSize = 32,
                PatchSize = 8,
                LayerCount = 1,
                TrainedGrid = 2,
                LayerNormEpsilon = 1e-6
            };
        VitShape shape = scale == 1 ? new VitShape(config, 17, 24) : VitShape.AtScale(config, 17, 24, scale);
        byte[] pixels = new byte[2 * 17 * 24 * 3];
        new Random(1).NextBytes(pixels);
        using var devicePixels = accelerator.Allocate1D(pixels);
        using var table = accelerator.Allocate1D(PixelNormalization.CreateTable());
        long count = 2L * shape.TokenCount * shape.PatchLength;
        using var patches = accelerator.Allocate1D<float>(count);
        using var unfolded = accelerator.Allocate1D<uint>(count * TFormat.ElementSize / 4);
        using var rounded = accelerator.Allocate1D<uint>(count * TFormat.ElementSize / 4);
        patches.MemSetToZero();
        unfolded.MemSetToZero();
        int values = 2 * shape.PatchCount * shape.PatchLength;
        accelerator
            .LoadAutoGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, ArrayView<float>>(Embedding.UnfoldKernel)(
            values, devicePixels.View.AsContiguous(), table.View.AsContiguous(), shape, patches.View.AsContiguous());
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, ArrayView<uint>>(
            RowKernels.UnfoldKernel<TFormat>)(
            values / 4, devicePixels.View.AsContiguous(), table.View.AsContiguous(), shape, unfolded.View.AsContiguous());
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<uint>>(RowKernels.RoundKernel<TFormat>)(
            (int)(count / 4), patches.View.AsContiguous(), rounded.View.AsContiguous());
        accelerator.Synchronize();
        Assert.Equal(rounded.GetAsArray1D(), unfolded.GetAsArray1D());
        Assert.Equal(rounded.GetAsArray1D(), TensorCoreWeights<TFormat>.Convert(patches.GetAsArray1D()));
        Assert.Contains(rounded.GetAsArray1D(), word => word != 0);
    }

    private static VitConfig WithRegisters => new()
    {
        HiddenSize = 64,
        HeadCount = 2,
        MlpSize = 32,
        PatchSize = 14,
        LayerCount = 1,
        TrainedGrid = 2,
        LayerNormEpsilon = 1e-6,
        RegisterCount = 4,
        PositionKind = PositionKind.Rotary,
    };

    private static void CheckPadded<TFormat>(Accelerator accelerator, double scale)
        where TFormat : struct, ITensorFormat
    {
        const int Columns = 608;
        VitShape shape = scale == 1 ? new VitShape(WithRegisters, 31, 45) : VitShape.AtScale(WithRegisters, 31, 45, scale);
        byte[] pixels = new byte[2 * 31 * 45 * 3];
        new Random(2).NextBytes(pixels);
        float[] table = PixelNormalization.CreateTable();
        using var devicePixels = accelerator.Allocate1D(pixels);
        using var deviceTable = accelerator.Allocate1D(table);
        using var normalized = accelerator.Allocate1D([.. pixels.Select((value, i) => table[i % 3 * 256 + value])]);
        int rows = 2 * shape.TokenCount;
        using var patches = accelerator.Allocate1D<float>(rows * shape.PatchLength);
        using var padded = accelerator.Allocate1D<uint>(rows * Columns * TFormat.ElementSize / 4);
        using var fractions = accelerator.Allocate1D<uint>(padded.Length);
        patches.MemSetToZero();
        padded.MemSetToZero();
        fractions.MemSetToZero();
        accelerator
            .LoadAutoGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, ArrayView<float>>(Embedding.UnfoldKernel)(
            2 * shape.PatchCount * shape.PatchLength, devicePixels.View.AsContiguous(), deviceTable.View.AsContiguous(), shape,
            patches.View.AsContiguous());
        int quads = 2 * shape.PatchCount * Columns / 4;
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, int, ArrayView<uint>>(
            RowKernels.UnfoldPaddedKernel<TFormat>)(
            quads, devicePixels.View.AsContiguous(), deviceTable.View.AsContiguous(), shape, Columns, padded.View.AsContiguous());
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, VitShape, int, ArrayView<uint>>(
            RowKernels.UnfoldFractionsKernel<TFormat>)(
            quads, normalized.View.AsContiguous(), shape, Columns, fractions.View.AsContiguous());
        accelerator.Synchronize();
        float[] expected = [.. patches.GetAsArray1D().Chunk(shape.PatchLength).SelectMany(row => row.Concat(new float[20]))];
        Assert.Contains(expected, value => value != 0);
        Assert.Equal(TensorCoreWeights<TFormat>.Convert(expected), padded.GetAsArray1D());
        Assert.Equal(padded.GetAsArray1D(), fractions.GetAsArray1D());
    }

    private static void CheckRotation<TFormat>(Accelerator accelerator)
        where TFormat : struct, ITensorFormat
    {
        var shape = new VitShape(WithRegisters, 42, 28);
        var random = new Random(3);
        float[] angles = [.. Enumerable.Range(0, shape.PatchCount * shape.HeadSize).Select(_ => random.NextSingle() * 2 - 1)];
        uint[] words = TensorCoreWeights<TFormat>.Convert(
            [.. Enumerable.Range(0, 2 * shape.TokenCount * 3 * shape.HiddenSize).Select(_ => random.NextSingle() * 8 - 4)]);
        using var table = accelerator.Allocate1D(angles);
        foreach (Linear made in new[] { Linear.Qkv, Linear.KeyValue })
        {
            using var inFormat = accelerator.Allocate1D(words);
            float[] values = new float[words.Length * 4 / TFormat.ElementSize];
            for (int i = 0; i < values.Length / 4; i++)
            {
                Quad quad = TFormat.LoadQuad(inFormat.View.AsContiguous(), i);
                (values[4 * i], values[4 * i + 1], values[4 * i + 2], values[4 * i + 3]) = (quad.X, quad.Y, quad.Z, quad.W);
            }

            Assert.Equal(words, TensorCoreWeights<TFormat>.Convert(values)); // what is loaded is what was stored
            using var inFloat = accelerator.Allocate1D(values);
            var sizes = RotationShape.Of(shape, made);
            int pairs = 2 * shape.PatchCount * sizes.PairsOfRow;
            accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, RotationShape, ArrayView<float>>(Rotation.RotateKernel)(
                pairs, table.View.AsContiguous(), sizes, inFloat.View.AsContiguous());
            accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, RotationShape, ArrayView<uint>>(
                RowKernels.RotateKernel<TFormat>)(pairs / 4, table.View.AsContiguous(), sizes, inFormat.View.AsContiguous());
            accelerator.Synchronize();
            Assert.Equal(TensorCoreWeights<TFormat>.Convert(inFloat.GetAsArray1D()), inFormat.GetAsArray1D());
            Assert.NotEqual(words, inFormat.GetAsArray1D());
        }
    }

    private static int[] Words(RowMap map) => [map.RowsPerImage, (int)map.Reciprocal, map.Shift, map.ImageStride, map.FirstRow];
}
