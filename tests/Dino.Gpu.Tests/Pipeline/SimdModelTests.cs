using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>Whole models through the SIMD family.</summary>
public sealed class SimdModelTests(SeededWeights seeded, ITestOutputHelper log) : IClassFixture<SeededWeights>
{
    public static TheoryData<string> Cases => [.. GoldenCase.All.Select(golden => golden.Name)];

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
