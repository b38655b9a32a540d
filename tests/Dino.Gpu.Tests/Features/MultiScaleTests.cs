using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Model;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Features;

/// <summary>Embeddings over several scales, against torch's rule in double precision.</summary>
[Collection(PortableCollection.Name)]
public sealed class MultiScaleTests(TestDevices devices, SeededWeights seeded) : IClassFixture<SeededWeights>
{
    /// <summary>Float32 of values up to 2.7 that are mixed twice.</summary>
    private const double Rounding = 1e-6;

    /// <summary>
    /// The original's, upwards, a downscaling that leaves pixels out, one so near 1 that only the places of the samples
    /// differ, and one so near that only the size does.
    /// </summary>
    private static readonly double[] Scales = [1 / Math.Sqrt(2), 0.5, 1.37, 0.31, 1.001, 0.9999999999];

    public static TheoryData<TestDevice, double> DeviceScales =>
        new(from kind in Enum.GetValues<TestDevice>() from scale in Scales select (kind, scale));

    /// <summary>
    /// torch.nn.functional.interpolate of [0, 1, 2, ...]: half of it lies between two, and 1.5 / 3 apart the first lies
    /// before the first pixel.
    /// </summary>
    [Fact]
    public void Taps_are_those_of_hand_worked_examples()
    {
        Assert.Equal([0.5, 2.5, 4.5], Places(0.5, 6));
        Assert.Equal([0, 0.25, 0.75, 1.25, 1.75, 2], Places(2, 3));
        Assert.Equal([0.25, 1.75, 3.25], Places(2 / 3.0, 5), (x, y) => Math.Abs(x - y) < 1e-7);
    }

    [Fact]
    public void Taps_are_exact_to_float32()
    {
        foreach (double scale in Scales)
        {
            foreach (int size in new[] { 1, 2, 16, 197, 224, 4000 })
            {
                double[] places = Places(scale, size);
                for (int i = 0; i < places.Length; i++)
                    Assert.Equal(Math.Clamp((i + 0.5) / scale - 0.5, 0, size - 1), places[i], 1e-6);
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceScales))]
    public void Unfolded_samples_are_those_of_the_twin(TestDevice kind, double scale)
    {
        const int Width = 43;
        const int Height = 31;
        var shape = VitShape.AtScale(TinyModel.Weights.Config, Width, Height, scale);
        byte[] pixels = new byte[Width * Height * 3];
        new Random(3).NextBytes(pixels);
        double[] input = Reference.Interpolate(Reference.Normalize(pixels), Width, Height, scale);
        double[] expected = Reference.Unfold(input, shape.InputWidth, shape.InputHeight, shape.PatchSize);

        var accelerator = devices.Open(kind).Accelerator;
        using var devicePixels = accelerator.Allocate1D(pixels);
        using var table = accelerator.Allocate1D(PixelNormalization.CreateTable());
        using var patches = accelerator.Allocate1D<float>(shape.TokenCount * shape.PatchLength);
        accelerator
            .LoadAutoGroupedStreamKernel<Index1D, ArrayView<byte>, ArrayView<float>, VitShape, ArrayView<float>>(Embedding.UnfoldKernel)(
            shape.PatchCount * shape.PatchLength, devicePixels.View
                .AsContiguous(), table.View
                .AsContiguous(), shape, patches.View
                .AsContiguous());
        accelerator.Synchronize();
        Tolerance.AssertClose(
            $"unfolded at {scale:0.###}", expected, patches.GetAsArray1D().AsSpan(shape.PatchLength), Rounding, shape.PatchLength);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Model_at_a_scale_is_the_twin_on_the_cpu(int lanes)
    {
        using SimdModel model = SimdModel.Create(TinyModel.Weights, (SimdWidth)lanes);
        foreach (double scale in Scales)
            ModelTwin.Check(model.Executor, TinyModel.Weights, 43, 34, scale);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void Model_at_a_scale_is_the_twin_on_a_device(TestDevice kind)
    {
        using VitExecutor executor = VitExecutor.Create(devices.Open(kind), TinyModel.Weights);
        foreach (double scale in Scales)
            ModelTwin.Check(executor, TinyModel.Weights, 43, 34, scale);
    }

    [Theory]
    [InlineData(PositionInterpolation.Size)]
    [InlineData(PositionInterpolation.Scale)]
    public void Embeddings_are_the_mean_of_the_twins_on_the_cpu(PositionInterpolation interpolation)
    {
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Options(interpolation) with { Device = "cpu" });
        CheckEmbeddings(encoder, interpolation);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void Embeddings_are_the_mean_of_the_twins_on_a_device(TestDevice kind)
    {
        using DinoEncoder encoder = DinoEncoder.Create(
            TinyModel.Weights, Options(PositionInterpolation.Size), (_, weights) => VitExecutor.Create(devices.Open(kind), weights));
        CheckEmbeddings(encoder, PositionInterpolation.Size);
    }

    /// <summary>Scale 1 alone is the class token of length 1, the reference's on the model's own weights.</summary>
    [Fact]
    public void One_scale_is_the_golden_class_token_of_length_1()
    {
        using DinoEncoder encoder = DinoEncoder.Create(
            seeded.Weights, new DinoOptions { Device = "cpu", Decoder = GoldenImages.Decoder("auto") });
        RgbImage image = encoder.Prepare(GoldenData.Image("chelsea.png"));
        double[] golden = Reference.Widen(Npy.Read(GoldenData.PathOf("model", "chelsea.last_hidden_state.npy")).Floats[..384]);
        double length = Math.Sqrt(golden.Sum(value => value * value));
        Tolerance.AssertClose(
            "chelsea",
            [.. golden.Select(value => value / length)],
            encoder.ForwardMultiScale([image], [1]).ClassToken!.Data,
            Tolerance.LastHiddenState / length);
    }

    /// <summary>The reference's class tokens of every layer, as if they were scales.</summary>
    [Fact]
    public void Mean_has_length_1()
    {
        float[] rows = Npy.Read(GoldenData.PathOf("model", "chelsea.cls_per_layer.npy")).Floats; // (13, 384)
        var scales = new MultiScale(2, 384);
        double[] expected = new double[2 * 384];
        for (int row = 0; row < 12; row++)
        {
            scales.Add(rows.AsSpan(row * 384, 2 * 384));
            for (int i = 0; i < expected.Length; i++)
                expected[i] += rows[row * 384 + i] / 12.0;
        }

        double[] lengths = [.. expected.Chunk(384).Select(mean => Math.Sqrt(mean.Sum(value => value * value)))];
        Tolerance.AssertClose("mean", [.. expected.Select((value, i) => value / lengths[i / 384])], scales.Normalized(), 1e-7, 384);
        Assert.All(new MultiScale(1, 4).Normalized(), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(0, "number above 0")]
    [InlineData(-1, "number above 0")]
    [InlineData(double.NaN, "number above 0")]
    [InlineData(0.24, "7x7 pixels of 32x32, which hold no patch")]
    [InlineData(1e5, "(at most ")]
    [InlineData(1e300, "(at most ")]
    public void Scale_that_cannot_be_is_one_line(double scale, string expected)
    {
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = 1 });
        Assert.Contains(expected, Assert.Throws<DinoException>(() => encoder.EmbedMultiScale([TinyModel.Picture(1)], [1, scale])).Message);
        Assert.Throws<ArgumentException>(() => encoder.EmbedMultiScale([TinyModel.Picture(1)], []));
        Assert.Empty(encoder.EmbedMultiScale([]));
    }

    private static DinoOptions Options(PositionInterpolation interpolation) =>
        new() { InputWidth = 43, InputHeight = 34, BatchSize = 2, Interpolation = interpolation };

    private static void CheckEmbeddings(DinoEncoder encoder, PositionInterpolation interpolation)
    {
        RgbImage[] images = [.. Enumerable.Range(0, 5).Select(i => encoder.Prepare(TinyModel.Picture(i)))];
        float[][] single = encoder.Embed(images);
        float[][] found = encoder.EmbedMultiScale(images);
        VitConfig config = TinyModel.Weights.Config;
        for (int i = 0; i < images.Length; i++)
        {
            double[] mean = new double[config.HiddenSize];
            foreach (double scale in new[] { 1, 1 / Math.Sqrt(2), 0.5 })
            {
                var shape = VitShape.AtScale(config, 43, 34, scale);
                float[] positions = PositionTable.Interpolate(
                    TinyModel.Weights.Positions, config.TrainedGrid, shape.GridWidth, shape.GridHeight, interpolation);
                double[] tokens = Reference.Forward(TinyModel.Weights, images[i].Pixels, positions, shape, scale).Tokens;
                for (int column = 0; column < mean.Length; column++)
                    mean[column] += tokens[column] / 3;
            }

            double length = Math.Sqrt(mean.Sum(value => value * value));
            Tolerance.AssertClose($"picture {i}", [.. mean.Select(value => value / length)], found[i], Tolerance.LastHiddenState);
            Assert.Equal(found[i], encoder.EmbedMultiScale([images[i]], MultiScale.Default)[0]); // whatever the batch
        }

        Assert.Equal(single, encoder.Embed(images)); // after passes of other sizes
    }

    private static double[] Places(double scale, int size) =>
    [
        .. Enumerable.Range(0, (int)Math.Floor(size * scale)).Select(i =>
        {
            BilinearTap tap = BilinearTap.Of(i, VitShape.StepAt(scale), size);
            Assert.InRange(tap.Second, tap.First, Math.Min(tap.First + 1, size - 1));
            return (double)tap.First + tap.Fraction;
        }),
    ];
}
