using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Features;

/// <summary>Poolings against plain double precision on the reference's tokens, and grids of patches.</summary>
public sealed class PoolingTests(SeededWeights seeded) : IClassFixture<SeededWeights>
{
    private static readonly DinoOptions Cpu =
        new() { Device = "cpu", Decoder = new StbImageDecoder(), Orientation = ExifOrientation.Ignore };

    /// <summary>What a pooling is made of.</summary>
    public static TheoryData<string, int, string> Names => new()
    {
        { "cls", 1, "" }, { "mean", 0, "mean" }, { "gem", 0, "gem" }, { "cls+mean", 1, "mean" }, { "cls+gem", 1, "gem" },
        { "last4", 4, "" }, { "last1+mean", 1, "mean" }, { "last4+mean", 4, "mean" }, { "last12+gem", 12, "gem" },
    };

    /// <summary>
    /// The class tokens of the last blocks and the patches of the last, from the reference's hidden states, normed and
    /// pooled in double precision.
    /// </summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Vectors_are_those_of_the_twin(string name, int blocks, string patches)
    {
        NormWeights norm = seeded.Weights.Norm;
        double[] classTokens = Reference.LayerNorm(
            GoldenData.Model("chelsea.cls_per_layer").Floats, norm.Weight, norm.Bias, seeded.Weights.Config.LayerNormEpsilon, 13, 384);
        double[] tokens = Reference.Widen(GoldenData.Model("chelsea.last_hidden_state").Floats);
        var expected = new List<double>(classTokens[((13 - blocks) * 384)..]);
        for (int column = 0; patches.Length > 0 && column < 384; column++)
        {
            double[] values = [.. Enumerable.Range(1, 196).Select(token => tokens[token * 384 + column])];
            expected.Add(
                patches == "mean" ? values.Sum() / 196 : Math.Pow(values.Sum(value => Math.Pow(Math.Max(value, 1e-6), 4)) / 196, 0.25));
        }

        Pooling pooling = Pooling.Parse(name)!;
        using DinoEncoder encoder = DinoEncoder.Create(seeded.Weights, Cpu);
        RgbImage picture = encoder.Prepare(GoldenData.Image("chelsea.png"));
        float[][] vectors = encoder.Pool([encoder.Prepare(GoldenData.Image("rgba.png")), picture], pooling);
        Assert.Equal(expected.Count, pooling.Length(384));
        Tolerance.AssertClose(name, expected.ToArray(), vectors[1], Tolerance.LastHiddenState, 384);
        Assert.Equal(vectors[1], encoder.Pool([picture], pooling)[0]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("CLS")]
    [InlineData("last")]
    [InlineData("last0")]
    [InlineData("last-1")]
    [InlineData("last4+cls")]
    [InlineData("cls+")]
    [InlineData("mean+gem")]
    [InlineData("gem+cls")]
    [InlineData("cls+mean+gem")]
    [InlineData("last99999999999")]
    public void Other_names_are_no_pooling(string name) => Assert.Null(Pooling.Parse(name));

    /// <summary>
    /// By hand: negative values count as 1e-6, power 1 is the mean, and a large power comes near the maximum.
    /// </summary>
    [Fact]
    public void Generalized_mean_by_hand()
    {
        float[] patches = [3, -5, 4, -1];
        float[] pooled = new float[2];
        Pooling.GeneralizedMean(patches, pooled, 2);
        Assert.Equal(Math.Sqrt(12.5), pooled[0], 1e-6);
        Assert.Equal(1e-6, pooled[1], 1e-12);
        Pooling.GeneralizedMean(patches, pooled, 1);
        Assert.Equal(3.5f, pooled[0]);
        Pooling.GeneralizedMean(patches, pooled, 100);
        Assert.InRange(pooled[0], 3.9f, 4f);
        Assert.Throws<ArgumentOutOfRangeException>(() => Pooling.GeneralizedMean(patches, pooled, 0));
    }

    /// <summary>With this power it is the maximum, up to rounding, though 3^1e6 overflows and 0.3^1e6 is 0.</summary>
    [Theory]
    [InlineData(2, 3, 3)]
    [InlineData(0.2f, 0.3f, 0.3f)]
    [InlineData(-1, -2, 1e-6f)]
    [InlineData(1, float.PositiveInfinity, float.PositiveInfinity)]
    public void Generalized_mean_holds_any_power(float first, float second, float expected)
    {
        float[] pooled = new float[1];
        Pooling.GeneralizedMean([first, second], pooled, 1e6);
        Assert.InRange(pooled[0], expected * 0.999999f, expected);
    }

    [Fact]
    public void Pooling_refuses_what_is_not_there()
    {
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu);
        var last2 = new Pooling { LastBlocks = 2 };
        DinoOutput output = encoder.ForwardLayers(
            [encoder.Prepare(TinyModel.Picture(1)), encoder.Prepare(TinyModel.Picture(2))], last2.Outputs, last2.Layers);
        last2.Apply(output, 1, new float[32]);
        Assert.Throws<ArgumentOutOfRangeException>(() => last2.Apply(output, 2, new float[32])); // the next block's first picture
        Assert.Throws<ArgumentException>(() => last2.Apply(output, 1, new float[16]));
        Assert.Throws<ArgumentException>(() => Pooling.ClassToken.Apply(output, 0, new float[16]));
        Assert.Throws<ArgumentException>(() => new Pooling { LastBlocks = 3 }.Apply(output, 0, new float[48]));
        Assert.Throws<InvalidOperationException>(() => new Pooling { LastBlocks = 0 }.Apply(output, 0, []));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Pooling { LastBlocks = -1 });
        Assert.Throws<ArgumentException>(() => Pooling.Mean([], new float[2]));
        Assert.Throws<ArgumentException>(() => Pooling.GeneralizedMean([1, 2, 3], new float[2]));
    }

    /// <summary>A list of 2^31 layers would take 8 GB.</summary>
    [Theory]
    [InlineData("last3")]
    [InlineData("last64+mean")]
    [InlineData("last2147483647")]
    [InlineData("last2147483647+gem")]
    public void More_blocks_than_the_model_has_are_refused_at_once(string name)
    {
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu);
        Pooling pooling = Pooling.Parse(name)!;
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(
            "The model has 2 blocks",
            Assert.Throws<ArgumentOutOfRangeException>(() => encoder.Pool([encoder.Prepare(TinyModel.Picture(1))], pooling)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => encoder.ForwardLayers([encoder.Prepare(TinyModel.Picture(1))], pooling.Outputs, pooling.Layers));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 22);
    }

    [Fact]
    public void Patch_features_are_the_tokens_of_the_layer()
    {
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu with { InputWidth = 43, InputHeight = 21 });
        RgbImage[] images = [.. Enumerable.Range(0, 3).Select(i => encoder.Prepare(TinyModel.Picture(i)))];
        DinoOutput all = encoder.ForwardPrepared(
            images,
            DinoOutputs.HiddenStates | DinoOutputs.IntermediateLayers | DinoOutputs.Queries | DinoOutputs.Keys | DinoOutputs.Values);
        foreach ((PatchFeature feature, DinoTensor tokens, int firstLayer) in new[]
        {
            (PatchFeature.Tokens, all.IntermediateLayers!, 0), (PatchFeature.Residual, all.HiddenStates!, 1),
            (PatchFeature.Queries, all.Queries!, 0), (PatchFeature.Keys, all.Keys!, 0), (PatchFeature.Values, all.Values!, 0),
        })
        {
            for (int layer = -2; layer < 2; layer++)
            {
                PatchFeatures grid = encoder.PatchFeatures(images, feature, layer)[2];
                Assert.Equal((2, 5, 16), (grid.GridHeight, grid.GridWidth, grid.Channels));
                int slot = firstLayer + (layer + 2) % 2;
                int start = ((slot * 3 + 2) * 11 + 1) * 16;
                Assert.Equal(tokens.Data.AsSpan(start, 10 * 16), grid.Values);
                Assert.Equal(grid.Values[(8 * 16)..(9 * 16)], grid[1, 3]);
            }

            Assert.Throws<ArgumentOutOfRangeException>(() => encoder.PatchFeatures(images, feature, 2));
            Assert.Throws<ArgumentOutOfRangeException>(() => encoder.PatchFeatures(images, feature, -3));
        }

        PatchFeatures one = encoder.PatchFeatures(images)[0];
        Assert.Throws<ArgumentOutOfRangeException>(() => one[2, 0].Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => one[0, -1].Length);
        Assert.Throws<ArgumentException>(() => PatchFeatures.Of(new DinoOutput(), PatchFeature.Keys, 0, 0, 5));
        // the next layer's first picture
        Assert.Throws<ArgumentOutOfRangeException>(() => PatchFeatures.Of(all, PatchFeature.Keys, layer: 0, image: 3, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => PatchFeatures.Of(all, PatchFeature.Keys, layer: 2, image: 0, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => PatchFeatures.Of(all, PatchFeature.Keys, 0, 0, gridWidth: 0));
        Assert.Throws<ArgumentException>(() => new PatchFeatures(new float[7], 2, 2, 2));
    }
}
