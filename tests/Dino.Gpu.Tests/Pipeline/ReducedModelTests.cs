using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>Whole models in bf16 and int8 on the CPU, beside float32.</summary>
public sealed class ReducedModelTests(SeededWeights seeded, ITestOutputHelper log) : IClassFixture<SeededWeights>
{
    /// <summary>
    /// Kind, whether attention is in bfloat16, whether AMX multiplies, and the least cosine of a class token to float32's.
    /// </summary>
    public static TheoryData<string, bool, bool, double> Kinds => new()
    {
        { nameof(TileKind.BFloat16), true, false, 0.9999 },
        { nameof(TileKind.BFloat16), true, true, 0.9999 },
        { nameof(TileKind.Int8), true, false, 0.9994 },
        { nameof(TileKind.Int8), true, true, 0.9994 },
        { nameof(TileKind.Int8), false, false, 0.9994 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Class_tokens_are_near_float32_on_the_reference_pictures(string kind, bool bfloat16, bool amx, double leastCosine)
    {
        using SimdModel model = SimdModel.Create(seeded.Weights, Enum.Parse<TileKind>(kind), bfloat16, amx: amx);
        using SimdModel reference = SimdModel.Create(seeded.Weights);
        foreach (GoldenCase golden in GoldenCase.All)
        {
            var request = new ForwardRequest(1, allTokens: true, hiddenStates: false, 0);
            float[] expected = Run(reference.Executor, golden, request);
            float[] actual = Run(model.Executor, golden, request);
            int hidden = golden.Shape.HiddenSize;
            double classToken = NearestNeighbors.Cosine(expected.AsSpan(0, hidden), actual.AsSpan(0, hidden));
            double worst = Enumerable.Range(0, golden.Shape.TokenCount).Min(
                token => NearestNeighbors.Cosine(
                    expected.AsSpan(token * hidden, hidden), actual.AsSpan(token * hidden, hidden)));
            log.WriteLine($"{kind} {golden.Name}: class token {classToken:F6}, worst token {worst:F6}");
            Assert.True(classToken >= leastCosine, $"{golden.Name}: cosine {classToken}");
            // The worst of up to 901 tokens: their errors vary, and its own is up to twice the class token's.
            Assert.True(1 - worst <= 2.5 * (1 - leastCosine), $"{golden.Name}: worst token {worst}");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Other_configurations_are_near_float32(string kind, bool bfloat16, bool amx, double leastCosine)
    {
        (int Hidden, int Heads, int Mlp, int Patch, int Width, int Height)[] models =
        [
            (768, 12, 3072, 16, 48, 32), (384, 6, 1536, 8, 40, 24), (192, 3, 768, 16, 64, 64), (384, 6, 1536, 16, 336, 336),
        ];
        foreach (var (hidden, heads, mlp, patch, width, height) in models)
        {
            VitConfig config = ModelTwin.TwoLayers(hidden, heads, mlp, patch);
            VitWeights weights = SyntheticWeights.Create(config);
            using SimdModel model = SimdModel.Create(weights, Enum.Parse<TileKind>(kind), bfloat16, amx: amx);
            using SimdModel reference = SimdModel.Create(weights);
            var shape = new VitShape(config, width, height);
            byte[] pixels = new byte[3 * width * height];
            new Random(width).NextBytes(pixels);
            float[] positions = PositionTable.Interpolate(
                weights.Positions, config.TrainedGrid, shape.GridWidth, shape.GridHeight, PositionInterpolation.Size);
            var request = new ForwardRequest(1, true, true, 0b10);
            ForwardOutput expected = ForwardOutput.Allocate(shape, request), actual = ForwardOutput.Allocate(shape, request);
            reference.Executor.Run(pixels, positions, shape, request, expected);
            model.Executor.Run(pixels, positions, shape, request, actual);
            foreach ((string name, float[] left, float[] right) in new[]
            {
                ("tokens", expected.Tokens, actual.Tokens), ("hidden states", expected.HiddenStates, actual.HiddenStates),
                ("attention", expected.Attentions, actual.Attentions),
            })
            {
                double cosine = NearestNeighbors.Cosine(left, right);
                log.WriteLine($"{kind} hidden {hidden}, patch {patch}, {width}x{height}: {name} {cosine:F6}");
                // Two layers on noise. Attention's exponentials multiply the errors of its scores.
                double factor = name == "attention" ? 8 : 2.5;
                Assert.True(1 - cosine <= factor * (1 - leastCosine), $"hidden {hidden}, patch {patch}: {name} {cosine}");
            }
        }
    }

    [Theory]
    [InlineData(nameof(TileKind.BFloat16), false, 1)]
    [InlineData(nameof(TileKind.BFloat16), true, 5)]
    [InlineData(nameof(TileKind.Int8), false, 5)]
    [InlineData(nameof(TileKind.Int8), true, 2)]
    public void Rows_do_not_depend_on_their_batch_or_on_threads(string kind, bool amx, int threads)
    {
        VitConfig config = VitConfig.VitS16 with { LayerCount = 2 };
        VitWeights weights = SyntheticWeights.Create(config);
        using SimdModel model = SimdModel.Create(weights, Enum.Parse<TileKind>(kind), threads: threads, amx: amx);
        ModelTwin.CheckBatches(model.Executor, weights, images: 7);
    }

    /// <summary>
    /// Some LayerNorm channels are multiplied and the columns behind them divided by the same number, as outlying channels
    /// of trained models are. The function is the same.
    /// </summary>
    [Fact]
    public void Outlying_channels_cost_int8_little()
    {
        VitWeights outlying = WithOutliers(seeded.Weights, channels: 4, factor: 40f);
        using SimdModel model = SimdModel.Create(outlying, TileKind.Int8);
        using SimdModel reference = SimdModel.Create(outlying);
        var request = new ForwardRequest(1, allTokens: false, hiddenStates: false, 0);
        double cosine = NearestNeighbors.Cosine(
            Run(reference.Executor, GoldenCase.Chelsea, request), Run(model.Executor, GoldenCase.Chelsea, request));
        log.WriteLine($"cosine {cosine:F6}");
        Assert.True(cosine > 0.999, $"cosine {cosine}");
    }

    /// <summary>
    /// The runtime stops threads by signals, whose frames hold the vector and tile registers. Two encoders share the
    /// processor meanwhile.
    /// </summary>
    [Theory]
    [InlineData(Precision.BFloat16)]
    [InlineData(Precision.Int8)]
    public async Task Collections_during_passes_of_two_encoders_change_nothing(Precision precision)
    {
        Assert.SkipUnless(PrecisionSupport.Cpu.Contains(precision), $"this CPU does not compute in {precision}");
        var options = new DinoOptions { Device = "cpu", Threads = 2, Precision = precision };
        VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16 with { LayerCount = 2 });
        using DinoEncoder first = DinoEncoder.Create(weights, options), second = DinoEncoder.Create(weights, options);
        RgbImage[] images = [.. Enumerable.Range(0, 5).Select(i => NoisePicture.Of(224, 224, i))];
        float[][] expected = first.Embed(images);
        using var stop = new CancellationTokenSource();
        Task<int> collector = Task.Run(() =>
        {
            int collections = 0;
            for (; !stop.IsCancellationRequested; collections++)
                GC.Collect(0, GCCollectionMode.Forced, blocking: true);
            return collections;
        });
        await Task.WhenAll(new[] { first, second }.Select(encoder => Task.Run(() =>
        {
            for (int i = 0; i < 8; i++)
                Assert.Equal(expected, encoder.Embed(images));
        })));
        await stop.CancelAsync();
        int count = await collector;
        log.WriteLine($"{count} collections");
        Assert.InRange(count, 50, int.MaxValue);
    }

    [Fact]
    public void A_thousand_encoders_leave_no_mapping()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc/self/maps");
        SimdModel.Require(TileKind.Int8);
        for (int i = 0; i < 1000; i++)
        {
            new TileSet(TileKind.Int8, amx: false).Dispose();
            new TileSet(TileKind.BFloat16, amx: false).Dispose();
        }

        // Other tests may hold a few meanwhile.
        Assert.InRange(File.ReadLines("/proc/self/maps").Count(line => line.Contains("dino-kernels", StringComparison.Ordinal)), 0, 100);
    }

    private float[] Run(VitExecutor executor, GoldenCase golden, ForwardRequest request)
    {
        ForwardOutput output = ForwardOutput.Allocate(golden.Shape, request);
        executor.Run(golden.Pixels(), golden.Positions(seeded.Weights), golden.Shape, request, output);
        return output.Tokens;
    }

    private static VitWeights WithOutliers(VitWeights weights, int channels, float factor)
    {
        (NormWeights, LinearWeights) Change(NormWeights norm, LinearWeights linear)
        {
            float[] weight = [.. norm.Weight], bias = [.. norm.Bias], matrix = [.. linear.Weight];
            for (int i = 0; i < channels; i++)
            {
                int channel = (37 * i + 11) % linear.Inputs;
                weight[channel] *= factor;
                bias[channel] *= factor;
                for (int place = channel; place < matrix.Length; place += linear.Inputs)
                    matrix[place] /= factor;
            }

            return (new NormWeights(weight, bias), new LinearWeights(matrix, linear.Bias));
        }

        return new VitWeights
        {
            Config = weights.Config,
            ClassToken = weights.ClassToken,
            Positions = weights.Positions,
            PatchEmbedding = weights.PatchEmbedding,
            Norm = weights.Norm,
            Blocks = [.. weights.Blocks.Select(block =>
            {
                (NormWeights norm1, LinearWeights qkv) = Change(block.Norm1, block.Qkv);
                (NormWeights norm2, LinearWeights fc1) = Change(block.Norm2, block.Fc1);
                return new BlockWeights
                {
                    Norm1 = norm1,
                    Qkv = qkv,
                    Projection = block.Projection,
                    Norm2 = norm2,
                    Fc1 = fc1,
                    Fc2 = block.Fc2,
                };
            })],
        };
    }
}
