using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Model;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>DINOv2, DINOv2 with registers and DINOv3 through every kernel family.</summary>
[Collection(PortableCollection.Name)]
public sealed class FamilyModelTests(TestDevices devices, ITestOutputHelper log)
{
    public static TheoryData<string> Models => [.. FamilyModel.Names];

    public static TheoryData<int, string> SimdCases
    {
        get
        {
            var data = new TheoryData<int, string>();
            foreach (string model in FamilyModel.Names)
            {
                data.Add(4, model);
                data.Add(8, model);
                data.Add(16, model);
            }

            return data;
        }
    }

    public static TheoryData<TestDevice, string> PortableCases
    {
        get
        {
            var data = new TheoryData<TestDevice, string>();
            foreach (string model in FamilyModel.Names)
            {
                data.Add(TestDevice.OpenCL, model);
                data.Add(TestDevice.Cuda, model);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(SimdCases))]
    public void Simd_matches_the_reference(int width, string model)
    {
        using SimdDevices simd = new();
        log.WriteLine($"{model}: {FamilyParity.Check(weights => simd.Create(weights, (SimdWidth)width), model):E2}");
    }

    [Theory]
    [MemberData(nameof(PortableCases))]
    public void Portable_kernels_match_the_reference(TestDevice device, string model)
    {
        DinoDevice opened = devices.Open(device);
        log.WriteLine($"{model}: {FamilyParity.Check(weights => VitExecutor.Create(opened, weights), model):E2}");
    }

    /// <summary>ILGPU's own CPU accelerator, which takes minutes for a model: one with everything, at its smallest size.</summary>
    [Fact]
    public void Portable_kernels_match_the_reference_on_the_cpu()
    {
        FamilyCase smallest = FamilyParity.First("dinov3_gated");
        using VitExecutor executor = VitExecutor.Create(devices.Open(TestDevice.IlgpuCpu), smallest.Weights);
        float[] tokens = smallest.Run(executor, new ForwardRequest(1, true, false, 0)).Tokens;
        Tolerance.AssertClose(smallest.Name, smallest.Expected, tokens, FamilyParity.Limit, smallest.Shape.HiddenSize);
    }

    /// <summary>As above, every model at every size.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void Portable_kernels_match_the_whole_reference_on_the_cpu(string model)
    {
        LongTests.Require("takes ILGPU's own CPU accelerator minutes");
        DinoDevice opened = devices.Open(TestDevice.IlgpuCpu);
        log.WriteLine($"{model}: {FamilyParity.Check(weights => VitExecutor.Create(opened, weights), model):E2}");
    }

    /// <summary>
    /// Registers, RoPE, LayerScale and gates together, against the twin: everything that a pass keeps, queries and keys
    /// before RoPE and after.
    /// </summary>
    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Simd_matches_the_twin_in_double_precision(int width)
    {
        // Gates that fill three blocks of columns, hidden sizes with a block of their own for a third of their columns,
        // heads of 8, 64 and 128.
        (VitConfig Config, int Width, int Height)[] models =
        [
            (Rotary(768, 12, 520, 16), 48, 32), (Rotary(1280, 20, 132, 14), 30, 44), (Rotary(256, 2, 300, 8), 24, 40),
            (Rotary(16, 2, 20, 14) with { RegisterCount = 0, HasLayerScale = false }, 42, 30), (Table(16, 2, 40, 14), 56, 31),
            (Table(384, 6, 1000, 14), 28, 42),
        ];
        foreach (var (config, inputWidth, inputHeight) in models)
        {
            VitWeights weights = SyntheticWeights.Create(config);
            using SimdModel model = SimdModel.Create(weights, (SimdWidth)width, threads: 2);
            ModelTwin.Check(model.Executor, weights, inputWidth, inputHeight);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void Portable_kernels_match_the_twin_in_double_precision(TestDevice device)
    {
        foreach (VitConfig config in new[] { Rotary(16, 2, 20, 14), Table(24, 2, 18, 8) })
        {
            VitWeights weights = SyntheticWeights.Create(config);
            using VitExecutor executor = VitExecutor.Create(devices.Open(device), weights);
            ModelTwin.Check(executor, weights, 33, 47);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Bytes_are_the_same_for_any_batch_and_mix_of_images(int threads)
    {
        VitWeights weights = SyntheticWeights.Create(Rotary(128, 4, 200, 14));
        using SimdModel model = SimdModel.Create(weights, threads: threads);
        ModelTwin.CheckBatches(model.Executor, weights, images: 7);
    }

    [Fact]
    public void Portable_bytes_are_the_same_for_any_batch_and_mix_of_images()
    {
        VitWeights weights = SyntheticWeights.Create(Rotary(16, 2, 20, 14));
        using VitExecutor executor = VitExecutor.Create(devices.Open(TestDevice.OpenCL), weights);
        ModelTwin.CheckBatches(executor, weights, images: 5);
    }

    [Fact]
    public void Pictures_need_not_be_rounded_to_bytes()
    {
        VitWeights weights = SyntheticWeights.Create(Rotary(32, 2, 20, 14) with { TrainedGrid = 4 });
        FractionPictures.Check(model => DinoEncoder.Create(model, new DinoOptions { Device = "cpu", Threads = 2 }), weights, 56);
        DinoDevice opened = devices.Open(TestDevice.OpenCL);
        FractionPictures.Check(
            model => DinoEncoder.Create(
                model, new DinoOptions { Device = "cpu", Threads = 1 }, (_, loaded) => VitExecutor.Create(opened, loaded)), weights, 56);
    }

    /// <summary>
    /// bf16 and int8 on the CPU, where LayerScale is in the weights: every token beside float32's.
    /// </summary>
    [Theory]
    [InlineData(nameof(TileKind.BFloat16), false, 0.9995)]
    [InlineData(nameof(TileKind.BFloat16), true, 0.9995)]
    [InlineData(nameof(TileKind.Int8), false, 0.997)]
    [InlineData(nameof(TileKind.Int8), true, 0.997)]
    public void Reduced_precisions_are_near_float32(string kind, bool amx, double leastCosine)
    {
        (VitConfig Config, int Side)[] models =
        [
            (Rotary(384, 6, 1536, 16), 64), (Rotary(1280, 20, 420, 16), 48), (Table(384, 6, 1000, 14), 70), (Table(768, 12, 1030, 14), 56),
        ];
        foreach ((VitConfig config, int side) in models)
        {
            VitWeights weights = Narrower(SyntheticWeights.Create(config));
            using SimdModel model = SimdModel.Create(weights, Enum.Parse<TileKind>(kind), amx: amx);
            using SimdModel reference = SimdModel.Create(weights);
            var shape = new VitShape(config, side, side);
            var one = new FamilyCase("", weights, side, side, null, []);
            foreach (bool all in new[] { true, false })
            {
                var request = new ForwardRequest(1, all, false, 0);
                float[] expected = one.Run(reference.Executor, request).Tokens;
                float[] actual = one.Run(model.Executor, request).Tokens;
                int hidden = shape.HiddenSize;
                double worst = Enumerable.Range(0, expected.Length / hidden).Min(token => NearestNeighbors.Cosine(
                    expected.AsSpan(token * hidden, hidden), actual.AsSpan(token * hidden, hidden)));
                log.WriteLine($"{kind}, hidden {config.HiddenSize}, {(all ? "every token" : "class token")}: {worst:F6}");
                Assert.True(worst >= leastCosine, $"hidden {config.HiddenSize}: worst token {worst}");
            }
        }
    }

    /// <summary>
    /// DINOv2-S/14 and DINOv3-S/16 as they are, but for a smaller picture: sampled rows of the last layer.
    /// </summary>
    [Theory]
    [InlineData(14, 98, 112)]
    [InlineData(16, 112, 96)]
    public void The_small_models_match_the_twin_in_double_precision(int patch, int width, int height)
    {
        VitConfig config = patch == 14
            ? Table(384, 6, 1536, 14) with { MlpKind = MlpKind.Gelu, RegisterCount = 0, LayerCount = 12, TrainedGrid = 37 }
            : Rotary(384, 6, 1536, 16) with { MlpKind = MlpKind.Gelu, LayerCount = 12, LayerNormEpsilon = 1e-5 };
        if (LongTests.AreWanted)
            (width, height) = (224, 224);
        VitWeights weights = SyntheticWeights.Create(config);
        var shape = new VitShape(config, width, height);
        var one = new FamilyCase("", weights, width, height, null, []);
        float[] positions = config.PositionKind == PositionKind.Rotary ? [] : PositionTable.Interpolate(
            weights.Positions, config.TrainedGrid, shape.GridWidth, shape.GridHeight, config.DefaultInterpolation);
        ReferenceOutput expected = Reference.Forward(weights, one.Picture().Pixels, positions, shape);
        using SimdModel model = SimdModel.Create(weights);
        float[] actual = one.Run(model.Executor, new ForwardRequest(1, true, false, 0)).Tokens;
        foreach (int row in new[] { 0, 1, shape.PrefixTokenCount, shape.TokenCount / 2, shape.TokenCount - 1 })
        {
            Range columns = (row * shape.HiddenSize)..((row + 1) * shape.HiddenSize);
            Tolerance.AssertClose(
                $"patch {patch}: row {row}", expected.Tokens.AsSpan()[columns], actual.AsSpan()[columns], Tolerance.LastHiddenState);
        }
    }

    /// <summary>
    /// The recipe's scales are those of 384 columns. Of more, sums grow, and attention turns to single tokens, which a
    /// rounding changes: here sums are as large as of 384.
    /// </summary>
    private static VitWeights Narrower(VitWeights weights)
    {
        float factor = MathF.Sqrt(Math.Min(1f, 384f / weights.Config.HiddenSize));
        LinearWeights Scaled(LinearWeights linear) => new(Array.ConvertAll(linear.Weight, value => value * factor), linear.Bias);
        return weights.With([.. weights.Blocks.Select(block => new BlockWeights
        {
            Norm1 = block.Norm1,
            Qkv = Scaled(block.Qkv),
            Projection = Scaled(block.Projection),
            LayerScale1 = block.LayerScale1,
            Norm2 = block.Norm2,
            Fc1 = Scaled(block.Fc1),
            Fc2 = block.Fc2,
            LayerScale2 = block.LayerScale2,
        })]);
    }

    /// <summary>RoPE, registers and LayerScale, with a gate.</summary>
    private static VitConfig Rotary(int hidden, int heads, int mlp, int patch) => ModelTwin.TwoLayers(hidden, heads, mlp, patch) with
    {
        Kind = ModelKind.DinoV3,
        RegisterCount = 4,
        HasLayerScale = true,
        MlpKind = MlpKind.GatedSilu,
        PositionKind = PositionKind.Rotary,
    };

    /// <summary>A position table, registers and LayerScale, with a gate.</summary>
    private static VitConfig Table(int hidden, int heads, int mlp, int patch) => ModelTwin.TwoLayers(hidden, heads, mlp, patch) with
    {
        Kind = ModelKind.DinoV2,
        RegisterCount = 4,
        HasLayerScale = true,
        MlpKind = MlpKind.GatedSilu,
    };

    /// <summary>One CPU device for the executors of a test.</summary>
    private sealed class SimdDevices : IDisposable
    {
        private readonly DinoDevice _device = DinoDevice.Open("cpu", 2);

        public VitExecutor Create(VitWeights weights, SimdWidth width)
        {
            SimdModel.Require(width);
            return SimdExecutor.Create(_device, weights, width);
        }

        public void Dispose() => _device.Dispose();
    }
}
