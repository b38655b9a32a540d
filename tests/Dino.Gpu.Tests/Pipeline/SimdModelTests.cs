using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>Whole models through the SIMD family.</summary>
public sealed class SimdModelTests(SeededWeights seeded, ITestOutputHelper log) : IClassFixture<SeededWeights>
{
    public static TheoryData<string> Cases => [.. GoldenCase.All.Select(golden => golden.Name)];

    /// <summary>The kernels read the tables without a look at their lengths.</summary>
    [Fact]
    public void Tables_of_other_lengths_are_refused()
    {
        VitConfig config = ModelTwin.TwoLayers(16, 2, 20, 8) with { Kind = ModelKind.DinoV3, PositionKind = PositionKind.Rotary };
        VitWeights weights = SyntheticWeights.Create(config);
        using SimdModel model = SimdModel.Create(weights);
        var shape = new VitShape(config, 32, 32);
        var request = new ForwardRequest(1, allTokens: true, hiddenStates: false, 0);
        ForwardOutput output = ForwardOutput.Allocate(shape, request);
        InputTables right = InputTables.Of(weights, shape);
        Refuse("starting table is (17, 16), got 7 values", right with { Start = new float[7] });
        Refuse("rotation table is (16, 8), got 64 values", right with { Rotation = new float[16 * 4] });

        void Refuse(string expected, InputTables tables) => Assert.Contains(
            expected,
            Assert.Throws<ArgumentException>(() => model.Executor.Run(new byte[32 * 32 * 3], tables, shape, request, output)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_small_model_matches_the_reference(string name)
    {
        using SimdModel model = SimdModel.Create(seeded.Weights);
        log.WriteLine(ModelParity.Check(model.Executor, seeded.Weights, GoldenCase.All.Single(golden => golden.Name == name)));
    }

    [Theory]
    [InlineData(4, 1)]
    [InlineData(8, 2)]
    [InlineData(16, 1)]
    [InlineData(16, 3)]
    public void Every_width_and_number_of_threads_matches_the_reference(int width, int threads)
    {
        using SimdModel model = SimdModel.Create(seeded.Weights, (SimdWidth)width, threads);
        log.WriteLine(ModelParity.Check(model.Executor, seeded.Weights, GoldenCase.Chelsea));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Other_configurations_match_the_twin_in_double_precision(int width)
    {
        // Shapes of ViT-B/16 (two column blocks), ViT-S/8, ViT-Ti/16 and of a toy; few layers and patches, since the
        // twin is slow.
        (int Hidden, int Heads, int Mlp, int Patch, int Width, int Height)[] models =
        [
            (768, 12, 3072, 16, 48, 32), (384, 6, 1536, 8, 40, 24), (192, 3, 768, 16, 64, 64),
                (16, 2, 64, 8, 32, 32), (128, 2, 128, 8, 17, 8),
        ];
        foreach (var (hidden, heads, mlp, patch, inputWidth, inputHeight) in models)
        {
            VitConfig config = ModelTwin.TwoLayers(hidden, heads, mlp, patch);
            VitWeights weights = SyntheticWeights.Create(config);
            using SimdModel model = SimdModel.Create(weights, (SimdWidth)width, threads: 2);
            ModelTwin.Check(model.Executor, weights, inputWidth, inputHeight);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Bytes_are_the_same_for_any_batch_and_mix_of_images(int threads)
    {
        // Seven images on one, two and five threads: whole images, teams of two, images left over.
        VitConfig config = VitConfig.VitS16 with { LayerCount = 2 };
        VitWeights weights = SyntheticWeights.Create(config);
        using SimdModel model = SimdModel.Create(weights, threads: threads);
        ModelTwin.CheckBatches(model.Executor, weights, images: 7);
    }
}
