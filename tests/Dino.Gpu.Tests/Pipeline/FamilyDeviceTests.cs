using Dino.Gpu.Devices;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>DINOv2 and DINOv3 on the tensor cores of a card: an emulated one of each kind, or what is there.</summary>
[Collection(PortableCollection.Name)]
public sealed class FamilyDeviceTests(ITestOutputHelper log)
{
    /// <summary>
    /// Precision, major of the compute capability, and the least cosine of a token to the float64 golden's.
    /// </summary>
    public static TheoryData<Precision, int, double> Kinds => new()
    {
        { Precision.TensorFloat32, 8, 0.9999 },
        { Precision.Float16, 8, 0.9999 },
        { Precision.BFloat16, 8, 0.999 },
        { Precision.Float16, 9, 0.9999 },
        { Precision.BFloat16, 9, 0.999 },
    };

    /// <summary>
    /// Every token of every model, from attention in the format and, where queries are kept, in float32. Patches of 14
    /// pixels and an MLP of 88 are filled up with zeros, which no memory that was not written replaces.
    /// </summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Tokens_are_near_the_reference(Precision precision, int capability, double leastCosine)
    {
        using DinoDevice device = TestDevices.OpenCudaOf(capability);
        foreach (string model in FamilyModel.Names)
        {
            FamilyCase one = FamilyParity.First(model);
            using VitExecutor executor = VitExecutor.Create(device, one.Weights, precision, warning: Assert.Fail);
            using SimdModel reference = SimdModel.Create(one.Weights);
            float[] tokens = one.Run(executor, new ForwardRequest(1, true, false, 0)).Tokens;
            AssertNear($"{model} in {precision}", one.Expected, tokens, one.Shape.HiddenSize, leastCosine);

            var layers = new ForwardRequest(1, true, false, 0)
            {
                QueryLayers = 0b10,
                KeyLayers = 0b10,
                RotatedQueryLayers = 0b10,
                RotatedKeyLayers = 0b10,
            };
            ForwardOutput kept = one.Run(executor, layers), expected = one.Run(reference.Executor, layers);
            AssertNear($"{model} in {precision}, attention in float32", one.Expected, kept.Tokens, one.Shape.HiddenSize, leastCosine);
            foreach (OutputPart part in new[]
            {
                OutputPart.Queries, OutputPart.Keys, OutputPart.RotatedQueries, OutputPart.RotatedKeys,
            })
                AssertNear($"{model} in {precision}: {part}", expected[part], kept[part], one.Shape.HiddenSize, leastCosine);
        }
    }

    /// <summary>
    /// Gains of 1e-5 on tokens as small: float16 keeps them apart. Folded into the weights they take these below 2^-14,
    /// where float16 loses its digits.
    /// </summary>
    [Theory]
    [InlineData(8)]
    [InlineData(9)]
    public void Small_gains_keep_their_digits_in_fp16(int capability)
    {
        using DinoDevice device = TestDevices.OpenCudaOf(capability);
        FamilyCase one = FamilyParity.Cases("dinov2").First();
        VitWeights weights = Smaller(one.Weights, 1e-5f);
        FamilyCase small = one with { Weights = weights, Expected = [] };
        var request = new ForwardRequest(1, true, false, 0);
        using SimdModel reference = SimdModel.Create(weights);
        float[] expected = small.Run(reference.Executor, request).Tokens;
        double apart = Error(weights), folded = Error(weights.FoldLayerScale());
        log.WriteLine($"largest error: {apart:E2} with gains apart, {folded:E2} with gains in the weights");
        Assert.InRange(apart, 0, 0.01);
        Assert.InRange(folded, 3 * apart, 1);

        double Error(VitWeights model)
        {
            using VitExecutor executor = VitExecutor.Create(device, model, Precision.Float16, warning: Assert.Fail);
            float[] actual = small.Run(executor, request).Tokens;
            return actual.Zip(expected, (a, b) => Math.Abs(a - b)).Max();
        }
    }

    [Fact]
    public void Pictures_need_not_be_rounded_to_bytes()
    {
        using DinoDevice device = TestDevices.OpenCudaOf(8, 9);
        FractionPictures.Check(
            model => DinoEncoder.Create(
                model, new DinoOptions { Device = "cpu", Threads = 1 },
                (_, loaded) => VitExecutor.Create(device, loaded, Precision.Float16)), FamilyModel.Load("dinov2"), 70);
    }

    /// <summary>
    /// The model with starting tokens and gains of that size, and an epsilon that does not hide them. The picture is
    /// left out: the patch embedding would be as small.
    /// </summary>
    private static VitWeights Smaller(VitWeights weights, float factor)
    {
        float[] Times(float[] values) => Array.ConvertAll(values, value => value * factor);
        return new VitWeights
        {
            Config = weights.Config with { LayerNormEpsilon = 1e-20 },
            ClassToken = Times(weights.ClassToken),
            Positions = Times(weights.Positions),
            PatchEmbedding = new LinearWeights(new float[weights.PatchEmbedding.Weight.Length], Times(weights.PatchEmbedding.Bias)),
            Blocks =
            [
                .. weights.Blocks.Select(block => new BlockWeights
                {
                    Norm1 = block.Norm1,
                    Qkv = block.Qkv,
                    Projection = block.Projection,
                    LayerScale1 = Times(block.LayerScale1!),
                    Norm2 = block.Norm2,
                    Fc1 = block.Fc1,
                    Fc2 = block.Fc2,
                    LayerScale2 = Times(block.LayerScale2!),
                }),
            ],
            Norm = weights.Norm,
        };
    }

    private void AssertNear(string what, float[] expected, float[] actual, int columns, double leastCosine)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = Enumerable.Range(0, expected.Length / columns).Min(row => NearestNeighbors.Cosine(
            expected.AsSpan(row * columns, columns), actual.AsSpan(row * columns, columns)));
        log.WriteLine($"{what}: worst cosine {worst:F7}");
        Assert.True(worst >= leastCosine, $"{what}: worst cosine {worst}");
    }
}
