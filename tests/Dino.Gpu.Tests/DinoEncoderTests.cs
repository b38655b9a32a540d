using System.Runtime.CompilerServices;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests;

/// <summary>The library's public door, on the CPU device.</summary>
public sealed class DinoEncoderTests(SeededWeights seeded) : IClassFixture<SeededWeights>
{
    private static readonly DinoOptions Cpu = new() { Device = "cpu" };

    private static readonly VitConfig Small = new()
    {
        HiddenSize = 48,
        HeadCount = 3,
        MlpSize = 96,
        PatchSize = 8,
        LayerCount = 3,
        TrainedGrid = 4,
        LayerNormEpsilon = 1e-6,
    };

    [Theory]
    [InlineData("tiny_hf.bin", "tiny_hf")]
    [InlineData("tiny_hf_f16.bin", "tiny_hf_f16")]
    [InlineData("tiny_hf_bf16.bin", "tiny_hf_bf16")]
    [InlineData("tiny_hf_views.bin", "tiny_hf")]
    [InlineData("tiny_hf_parameters.bin", "tiny_hf")]
    [InlineData("tiny_hf_legacy.bin", "tiny_hf")]
    [InlineData("tiny_dino.pth", "tiny_dino")]
    [InlineData("tiny_dino_full.pth", "tiny_dino")]
    public void Every_checkpoint_gives_the_references_tokens(string file, string expected)
    {
        // config.json belongs to the Hugging Face files alone, so the others are read from a folder without it.
        string path = GoldenData.PathOf("checkpoints", file);
        using var folder = new TemporaryFolder();
        if (file.StartsWith("tiny_dino", StringComparison.Ordinal))
        {
            File.Copy(path, folder.Path(file));
            path = folder.Path(file);
        }

        using DinoEncoder encoder = DinoEncoder.Load(path, Cpu);
        DinoOutput output = encoder.Forward(Chelsea(), DinoOutputs.LastHiddenState);
        Npy reference = Npy.Read(GoldenData.PathOf("checkpoints", expected + ".last_hidden_state.npy"));
        // The limit of the reference's README for all of these.
        Tolerance.AssertClose(file, reference.Floats, output.LastHiddenState!.Data, 2e-5, encoder.Config.HiddenSize);
    }

    [Fact]
    public void Embed_gives_the_references_class_token()
    {
        using DinoEncoder encoder = DinoEncoder.Create(seeded.Weights, Cpu);
        float[] embedding = encoder.Embed(GoldenData.Image("chelsea.png"));
        Tolerance.AssertClose(
            "chelsea", GoldenData.Model("chelsea.last_hidden_state").Floats.AsSpan(0, 384), embedding, Tolerance.LastHiddenState);
        Assert.Equal(embedding, encoder.Embed(Chelsea()));
        Assert.Equal(embedding, encoder.Embed([Chelsea()])[0]);
        Assert.Equal(embedding, encoder.Embed([GoldenData.Image("chelsea.png"), GoldenData.Image("rgba.png")])[0]);
        Assert.Empty(encoder.Embed(Array.Empty<string>()));
    }

    /// <summary>As many as can be told apart when outputs are chosen.</summary>
    [Fact]
    public void The_deepest_model_has_all_its_hidden_states()
    {
        using DinoEncoder encoder = DinoEncoder.Create(
            SyntheticWeights.Create(Small with { LayerCount = 63 }), Cpu with { InputWidth = 40, InputHeight = 24 });
        RgbImage[] images = [encoder.Prepare(Solid(10))];
        DinoTensor all = encoder.ForwardPrepared(images, DinoOutputs.HiddenStates).HiddenStates!;
        Assert.Equal(64, all.Shape[0]);
        DinoTensor last = encoder.ForwardLayers(images, DinoOutputs.HiddenStates, new DinoLayers { HiddenStates = [0, -1] }).HiddenStates!;
        int length = all.Data.Length / 64;
        Assert.Equal([.. all.Data[..length], .. all.Data[(63 * length)..]], last.Data);
    }

    [Theory]
    [InlineData(PositionInterpolation.Size)]
    [InlineData(PositionInterpolation.Scale)]
    public void Other_input_sizes_use_the_interpolation_asked_for(PositionInterpolation interpolation)
    {
        using DinoEncoder encoder = DinoEncoder.Create(
            seeded.Weights, Cpu with { InputWidth = 320, InputHeight = 240, Interpolation = interpolation });
        float[] expected = GoldenData.Model(
            $"chelsea_240x320_{interpolation.ToString().ToLowerInvariant()}.last_hidden_rows").Floats[..384];
        Tolerance.AssertClose("class token", expected, encoder.Embed(Chelsea()), Tolerance.LastHiddenState);
    }

    [Fact]
    public void Outputs_have_their_shapes_and_agree_with_each_other()
    {
        using DinoEncoder encoder = DinoEncoder.Create(SyntheticWeights.Create(Small), Cpu with { InputWidth = 40, InputHeight = 24 });
        RgbImage[] images = [Chelsea(), Solid(10), Solid(200)];
        DinoOutput output = encoder.Forward(
            images,
            DinoOutputs.ClassToken | DinoOutputs.LastHiddenState | DinoOutputs.PatchGrid
                | DinoOutputs.HiddenStates | DinoOutputs.Attentions);
        Assert.Equal([3, 48], output.ClassToken!.Shape);
        Assert.Equal([3, 16, 48], output.LastHiddenState!.Shape);
        Assert.Equal([3, 3, 5, 48], output.PatchGrid!.Shape);
        Assert.Equal([4, 3, 16, 48], output.HiddenStates!.Shape);
        Assert.Equal([3, 3, 3, 16, 16], output.Attentions!.Shape);
        for (int image = 0; image < 3; image++)
        {
            Span<float> tokens = output.LastHiddenState.Data.AsSpan(image * 16 * 48, 16 * 48);
            Assert.Equal(tokens[..48], output.ClassToken.Data.AsSpan(image * 48, 48));
            Assert.Equal(tokens[48..], output.PatchGrid.Data.AsSpan(image * 15 * 48, 15 * 48));
        }

        DinoOutput classOnly = encoder.Forward(images, DinoOutputs.ClassToken);
        Assert.Equal(output.ClassToken.Data, classOnly.ClassToken!.Data);
        Assert.Null(classOnly.LastHiddenState);
        DinoOutput lastLayer = encoder.Forward(images, DinoOutputs.Attentions, [2]);
        Assert.Equal([1, 3, 3, 16, 16], lastLayer.Attentions!.Shape);
        Assert.Equal(output.Attentions.Data[^lastLayer.Attentions.Data.Length..], lastLayer.Attentions.Data);
    }

    [Fact]
    public void More_images_than_a_batch_are_split_without_a_trace()
    {
        VitWeights weights = SyntheticWeights.Create(Small);
        RgbImage[] images = [.. Enumerable.Range(0, 7).Select(i => Solid((byte)(i * 30)))];
        const DinoOutputs Everything =
            DinoOutputs.ClassToken | DinoOutputs.LastHiddenState | DinoOutputs.HiddenStates | DinoOutputs.Attentions;
        using DinoEncoder whole = DinoEncoder.Create(weights, Cpu);
        using DinoEncoder split = DinoEncoder.Create(weights, Cpu with { BatchSize = 3 });
        DinoOutput expected = whole.Forward(images, Everything);
        DinoOutput actual = split.Forward(images, Everything);
        Assert.Equal(expected.ClassToken!.Data, actual.ClassToken!.Data);
        Assert.Equal(expected.LastHiddenState!.Data, actual.LastHiddenState!.Data);
        Assert.Equal(expected.HiddenStates!.Data, actual.HiddenStates!.Data);
        Assert.Equal(expected.Attentions!.Data, actual.Attentions!.Data);
        Assert.Equal(whole.Embed(images), split.Embed(images));
    }

    [Fact]
    public void Many_threads_share_one_encoder()
    {
        using DinoEncoder encoder = DinoEncoder.Create(SyntheticWeights.Create(Small), Cpu);
        float[][] expected = [.. Enumerable.Range(0, 8).Select(i => encoder.Embed(Solid((byte)(i * 30))))];
        Parallel.For(0, 64, i => Assert.Equal(expected[i % 8], encoder.Embed(Solid((byte)(i % 8 * 30)))));
    }

    [Fact]
    public void Wrong_use_is_one_line()
    {
        VitWeights weights = SyntheticWeights.Create(Small);
        AssertLine<DinoException>("patch", () => DinoEncoder.Create(weights, Cpu with { InputWidth = 4 }));
        AssertLine<DinoException>("batch", () => DinoEncoder.Create(weights, Cpu with { BatchSize = 0 }));
        AssertLine<WeightsException>(
            "64 blocks (at most 63", () => DinoEncoder.Create(SyntheticWeights.Create(Small with { LayerCount = 64 }), Cpu));
        AssertLine<DeviceException>("quantum", () => DinoEncoder.Create(weights, Cpu with { Device = "quantum:0" }));
        AssertLine<WeightsException>("no_such_file", () => DinoEncoder.Load("no_such_file.bin", Cpu));
        using DinoEncoder encoder = DinoEncoder.Create(weights, Cpu);
        AssertLine<ImageException>("no_such_picture.png", () => encoder.Embed("no_such_picture.png"));
        AssertLine<ImageException>("preprocess.json", () => encoder.Embed(GoldenData.PathOf("preprocess.json")));
        Assert.Throws<ArgumentOutOfRangeException>(() => encoder.Forward([Solid(1)], DinoOutputs.Attentions, [3]));
        Assert.Throws<ArgumentException>(() => encoder.ForwardPrepared([Solid(1)], DinoOutputs.ClassToken));
        Assert.Throws<ArgumentException>(() => encoder.Forward(Array.Empty<RgbImage>(), DinoOutputs.ClassToken));
        encoder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => encoder.Embed(Solid(1)));
    }

    [Fact]
    public void A_failure_among_many_pictures_says_which_and_why()
    {
        using var folder = new TemporaryFolder();
        string good = GoldenData.Image(GoldenImages.All.First(golden => golden.Image.EndsWith(".png", StringComparison.Ordinal)).Image);
        byte[] bytes = File.ReadAllBytes(good);
        (string Path, ImageFailureReason Reason)[] bad =
        [
            (folder.Path("absent.png"), ImageFailureReason.Unreadable),
            (folder.Write("text.png", "words"u8.ToArray()), ImageFailureReason.NotAnImage),
            (folder.Write("short.png", bytes[..(bytes.Length / 2)]), ImageFailureReason.Truncated),
        ];
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu with { BatchSize = 2 });
        foreach ((string path, ImageFailureReason reason) in bad)
        {
            ImageException alone = Assert.Throws<ImageException>(() => encoder.Embed(path));
            ImageException failure = Assert.Throws<ImageException>(() => encoder.Embed([good, good, good, path, good]));
            Assert.Equal((reason, 3, alone.Message), (failure.Reason, failure.Index, failure.Message));
            Assert.Equal((reason, null), (alone.Reason, alone.Index));
            Assert.Equal(alone.Message, failure.InnerException!.Message);
        }
    }

    private static void AssertLine<T>(string part, Action action)
        where T : DinoException
    {
        T exception = Assert.Throws<T>(action);
        Assert.Contains(part, exception.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\n', exception.Message);
    }

    private static RgbImage Chelsea() =>
        new StbImageDecoder().Decode(File.ReadAllBytes(GoldenData.Image("chelsea.png")), ExifOrientation.Ignore);

    private static RgbImage Solid(byte value)
    {
        byte[] pixels = new byte[20 * 10 * 3];
        Array.Fill(pixels, value);
        pixels[value % pixels.Length] ^= 0x55;
        return new RgbImage(20, 10, pixels);
    }

    /// <summary>Its threads hold the device, so the collector alone never ends them.</summary>
    [Fact]
    public void An_encoder_that_nobody_disposed_frees_its_device()
    {
        Accelerator accelerator = Lose();
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return accelerator.IsDisposed;
            },
            TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Several_pictures_fail_as_one_does()
    {
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu with { Decoder = new FailingDecoder() });
        string picture = GoldenData.Image("chelsea.png");
        Assert.Throws<NotImplementedException>(() => encoder.Embed(picture));
        Assert.Throws<NotImplementedException>(() => encoder.Embed([picture, picture]));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Accelerator Lose()
    {
        DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu);
        encoder.Embed(TinyModel.Picture(1));
        return DeviceOf(encoder).Accelerator;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_device")]
    private static extern ref DinoDevice DeviceOf(DinoEncoder encoder);

    private sealed class FailingDecoder : IImageDecoder
    {
        public string Name => "failing";

        public RgbImage Decode(ReadOnlyMemory<byte> file, ExifOrientation orientation) => throw new NotImplementedException();
    }
}
