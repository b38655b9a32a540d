using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Cuda;
using Dino.Gpu.Tests.Features;
using Dino.Gpu.Tests.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>
/// ViT-S/16 as it is, and a large search, on CUDA: minutes where the card is emulated. They do not take turns with the portable
/// kernels' tests, of which most keep only one core busy.
/// </summary>
public sealed class FullSizeCudaTests(
    TestDevices devices, SeededWeights seeded, ITestOutputHelper log) : IClassFixture<TestDevices>, IClassFixture<SeededWeights>
{
    [Theory]
    [MemberData(nameof(PortableModelTests.Cases), MemberType = typeof(PortableModelTests))]
    public void The_small_model_matches_the_reference(string name)
    {
        using VitExecutor executor = VitExecutor.Create(devices.OpenCudaForFullSize(), seeded.Weights);
        log.WriteLine(ModelParity.Check(executor, seeded.Weights, GoldenCase.All.Single(golden => golden.Name == name)));
    }

    [Fact]
    public void A_pruned_batch_has_the_bytes_of_single_images() => PortableModelTests.CheckPrunedBatch(devices.OpenCudaForFullSize());

    [Theory]
    [MemberData(nameof(ClassAttentionTests.DeviceCases), MemberType = typeof(ClassAttentionTests))]
    public void Class_attention_matches_the_reference(string name)
    {
        using VitExecutor executor = VitExecutor.Create(devices.OpenCudaForFullSize(), seeded.Weights);
        log.WriteLine(ClassAttentionTests.Check(executor, seeded.Weights, name));
    }

    [Fact]
    public void Layers_match_the_reference()
    {
        using VitExecutor executor = VitExecutor.Create(devices.OpenCudaForFullSize(), seeded.Weights);
        LayerOutputTests.Check(executor, seeded.Weights, GoldenCase.Chelsea);
    }

    [Fact]
    public void Rollout_is_the_product_of_the_matrices()
    {
        using VitExecutor executor = VitExecutor.Create(devices.OpenCudaForFullSize(), seeded.Weights);
        RolloutTests.Check(executor, seeded.Weights, "chelsea_240x320_size");
    }

    [Fact]
    public void A_search_among_a_hundred_thousand_vectors_equals_a_sort() =>
        PortableSearchTests.CheckSort(devices.OpenCudaForFullSize(), 100_000, 384, 100, 10);

    /// <summary>Cosines: 11 bits of mantissa in fp16 and tf32, 8 in bf16.</summary>
    [Theory]
    [InlineData(Precision.TensorFloat32, 0.9999)]
    [InlineData(Precision.Float16, 0.9999)]
    [InlineData(Precision.BFloat16, 0.999)]
    public void Embedding_is_close_to_float32(Precision precision, double limit)
    {
        devices.OpenCudaForFullSize();
        using IDisposable shown = CudaEmulator.Show();
        using DinoEncoder reference = DinoEncoder.Create(seeded.Weights, new DinoOptions { Device = "cpu" });
        using DinoEncoder encoder = DinoEncoder.Create(seeded.Weights, new DinoOptions
        {
            Device = "cuda:0",
            Precision = precision,
            Warning = text => Assert.Fail(text), // as where products with wgmma are given up
        });
        string picture = GoldenData.PathOf("images", "chelsea.png");
        float[] expected = reference.Embed(picture);
        float[] actual = encoder.Embed(picture);
        double dot = 0, expectedSquares = 0, actualSquares = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            dot += (double)expected[i] * actual[i];
            expectedSquares += (double)expected[i] * expected[i];
            actualSquares += (double)actual[i] * actual[i];
        }

        Assert.InRange(dot / Math.Sqrt(expectedSquares * actualSquares), limit, 1.000001);
    }
}
