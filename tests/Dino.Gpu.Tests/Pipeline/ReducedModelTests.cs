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
            var tables = InputTables.Of(weights, shape);
            var request = new ForwardRequest(1, true, true, 0b10);
            ForwardOutput expected = ForwardOutput.Allocate(shape, request), actual = ForwardOutput.Allocate(shape, request);
            reference.Executor.Run(pixels, tables, shape, request, expected);
            model.Executor.Run(pixels, tables, shape, request, actual);
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

    /// <summary>All pictures of the reference data and of the samples, as a user gives them.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Class_tokens_are_near_float32_on_all_pictures(string kind, bool bfloat16, bool amx, double leastCosine)
    {
        using SimdModel model = SimdModel.Create(seeded.Weights, Enum.Parse<TileKind>(kind), bfloat16, amx: amx);
        using SimdModel reference = SimdModel.Create(seeded.Weights);
        string[] extensions = [".png", ".jpg", ".bmp"];
        string[] paths = [.. new[] { GoldenData.PathOf("images"), SourceTree.Find("samples") }
            .SelectMany(Directory.EnumerateFiles).Where(path => extensions.Contains(Path.GetExtension(path))).Order()];
        Assert.Equal(26, paths.Length);
        var preprocessor = new Preprocessor(PreprocessPreset.HuggingFace, 224, 224);
        RgbImage[] pictures = [.. paths.Select(
            path => preprocessor.Apply(new StbImageDecoder().Decode(File.ReadAllBytes(path), ExifOrientation.Apply)))];
        var shape = new VitShape(seeded.Weights.Config, 224, 224);
        float[] expected = Run(reference.Executor, pictures, seeded.Weights, shape);
        float[] actual = Run(model.Executor, pictures, seeded.Weights, shape);
        int hidden = shape.HiddenSize;
        double[] cosines = [.. paths.Select(
            (_, i) => NearestNeighbors.Cosine(expected.AsSpan(i * hidden, hidden), actual.AsSpan(i * hidden, hidden)))];
        int worst = Array.IndexOf(cosines, cosines.Min());
        log.WriteLine($"{kind}, AMX {amx}: mean {cosines.Average():F6}, least {cosines[worst]:F6} ({Path.GetFileName(paths[worst])})");
        Assert.True(cosines[worst] >= leastCosine, $"{paths[worst]}: cosine {cosines[worst]}");
    }

    /// <summary>
    /// Some LayerNorm channels are multiplied and the columns behind them divided by the same number, as outlying channels
    /// of trained models are. The function is the same.
    /// </summary>
    [Theory]
    [InlineData(1, 100f)]
    [InlineData(4, 10f)]
    [InlineData(4, 40f)]
    [InlineData(4, 200f)]
    [InlineData(16, 40f)]
    public void Outlying_channels_cost_int8_little(int channels, float factor)
    {
        VitWeights outlying = WithOutliers(seeded.Weights, channels, factor);
        using SimdModel model = SimdModel.Create(outlying, TileKind.Int8, bfloat16: CpuFeatures.BFloat16);
        using SimdModel reference = SimdModel.Create(outlying);
        var request = new ForwardRequest(1, allTokens: false, hiddenStates: false, 0);
        double least = GoldenCase.All.Min(golden => NearestNeighbors.Cosine(
            Run(reference.Executor, golden, request), Run(model.Executor, golden, request)));
        log.WriteLine($"{channels} channels times {factor}: cosine at least {least:F6}");
        Assert.True(least > 0.999, $"cosine {least}");
    }

    /// <summary>
    /// The same with the values of attention and the columns of the projection. Values that are kept are the model's.
    /// </summary>
    [Theory]
    [InlineData(4, 10f)]
    [InlineData(4, 40f)]
    [InlineData(16, 40f)]
    public void Outlying_values_cost_int8_little(int channels, float factor)
    {
        VitWeights outlying = WithOutlyingValues(seeded.Weights, channels, factor);
        using SimdModel model = SimdModel.Create(outlying, TileKind.Int8, bfloat16: CpuFeatures.BFloat16);
        using SimdModel reference = SimdModel.Create(outlying);
        var request = new ForwardRequest(1, allTokens: false, hiddenStates: false, 0) { ValueLayers = 0b1 };
        double least = GoldenCase.All.Min(golden => NearestNeighbors.Cosine(
            Run(reference.Executor, golden, request), Run(model.Executor, golden, request)));
        log.WriteLine($"{channels} values times {factor}: cosine at least {least:F6}");
        Assert.True(least > 0.999, $"cosine {least}");

        ForwardOutput expected = ForwardOutput.Allocate(GoldenCase.Chelsea.Shape, request);
        ForwardOutput actual = ForwardOutput.Allocate(GoldenCase.Chelsea.Shape, request);
        InputTables tables = GoldenCase.Chelsea.Tables(outlying);
        reference.Executor.Run(GoldenCase.Chelsea.Pixels(), tables, GoldenCase.Chelsea.Shape, request, expected);
        model.Executor.Run(GoldenCase.Chelsea.Pixels(), tables, GoldenCase.Chelsea.Shape, request, actual);
        int hidden = outlying.Config.HiddenSize;
        for (int channel = 0; channel < hidden; channel++)
        {
            double[] errors = [.. Enumerable.Range(0, GoldenCase.Chelsea.Shape.TokenCount).Select(token => token * hidden + channel).Select(
                place => (double)Math.Abs(expected[OutputPart.Values][place] - actual[OutputPart.Values][place]))];
            double largest = Enumerable.Range(0, errors.Length).Max(
                token => Math.Abs(expected[OutputPart.Values][token * hidden + channel]));
            Assert.True(errors.Max() < 0.2 * largest, $"channel {channel}: error {errors.Max()} of {largest}");
        }
    }

    /// <summary>The checkpoint's word on mean and deviation holds for the smoothed and sorted model, too.</summary>
    [Fact]
    public void Pictures_are_normalized_as_the_checkpoint_says()
    {
        PreprocessorConfig half = PreprocessorConfig.Standard with { Mean = [0.5, 0.25, 0.125], StandardDeviation = [0.5, 0.75, 1] };
        VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16 with { LayerCount = 2 }).With(half);
        using SimdModel model = SimdModel.Create(weights, TileKind.Int8, bfloat16: CpuFeatures.BFloat16);
        using SimdModel reference = SimdModel.Create(weights);
        var shape = new VitShape(weights.Config, 224, 224);
        float[] expected = Run(reference.Executor, [NoisePicture.Of(224, 224, 1)], weights, shape);
        float[] actual = Run(model.Executor, [NoisePicture.Of(224, 224, 1)], weights, shape);
        double cosine = NearestNeighbors.Cosine(expected, actual);
        Assert.True(cosine > 0.9994, $"cosine {cosine}");
    }

    private float[] Run(VitExecutor executor, GoldenCase golden, ForwardRequest request)
    {
        ForwardOutput output = ForwardOutput.Allocate(golden.Shape, request);
        executor.Run(golden.Pixels(), golden.Tables(seeded.Weights), golden.Shape, request, output);
        return output.Tokens;
    }

    private static float[] Run(VitExecutor executor, IReadOnlyList<RgbImage> pictures, VitWeights weights, VitShape shape)
    {
        var request = new ForwardRequest(pictures.Count, allTokens: false, hiddenStates: false, 0);
        ForwardOutput output = ForwardOutput.Allocate(shape, request);
        executor.Run([.. pictures.SelectMany(picture => picture.Pixels)], InputTables.Of(weights, shape), shape, request, output);
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

        return weights.With([.. weights.Blocks.Select(block =>
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
        })]);
    }

    private static VitWeights WithOutlyingValues(VitWeights weights, int channels, float factor) =>
        weights.With([.. weights.Blocks.Select(block =>
        {
            float[] qkv = [.. block.Qkv.Weight], bias = [.. block.Qkv.Bias], projection = [.. block.Projection.Weight];
            int hidden = block.Projection.Inputs;
            for (int i = 0; i < channels; i++)
            {
                int channel = (37 * i + 11) % hidden;
                int row = 2 * hidden + channel;
                bias[row] *= factor;
                for (int k = 0; k < hidden; k++)
                {
                    qkv[row * hidden + k] *= factor;
                    projection[k * hidden + channel] /= factor;
                }
            }

            return new BlockWeights
            {
                Norm1 = block.Norm1,
                Qkv = new LinearWeights(qkv, bias),
                Projection = new LinearWeights(projection, block.Projection.Bias),
                Norm2 = block.Norm2,
                Fc1 = block.Fc1,
                Fc2 = block.Fc2,
            };
        })]);
}
