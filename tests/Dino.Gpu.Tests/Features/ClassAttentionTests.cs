using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Features;

/// <summary>The class token's attention rows, asked for alone.</summary>
[Collection(PortableCollection.Name)]
public sealed class ClassAttentionTests(TestDevices devices, SeededWeights seeded, ITestOutputHelper log) : IClassFixture<SeededWeights>
{
    public static TheoryData<string> Cases => [.. GoldenCase.All.Select(golden => golden.Name)];

    /// <summary>Those that devices run: every kind of input there is.</summary>
    public static TheoryData<string> DeviceCases => ["chelsea", "chelsea_240x320_size", "chelsea_240x320_scale"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_CPU_matches_the_reference(string name)
    {
        using SimdModel model = SimdModel.Create(seeded.Weights);
        log.WriteLine(Check(model.Executor, seeded.Weights, name));
    }

    /// <summary>On CUDA: <see cref="Pipeline.FullSizeCudaTests"/>.</summary>
    [Theory]
    [MemberData(nameof(DeviceCases))]
    public void OpenCL_matches_the_reference(string name)
    {
        using VitExecutor executor = VitExecutor.Create(devices.Open(TestDevice.OpenCL), seeded.Weights);
        log.WriteLine(Check(executor, seeded.Weights, name));
    }

    /// <summary>
    /// Any threads, teams of them, any batch, with the last block pruned or not: the rows are those of the whole
    /// matrices.
    /// </summary>
    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    [InlineData(3, 4)]
    public void Rows_are_those_of_the_matrices(int threads, int batch)
    {
        using DinoEncoder encoder = DinoEncoder.Create(
            TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = threads, BatchSize = batch, InputWidth = 43, InputHeight = 21 });
        RgbImage[] images = [.. Enumerable.Range(0, 7).Select(i => encoder.Prepare(TinyModel.Picture(i)))];
        int tokens = encoder.TokenCount;
        DinoOutput whole = encoder.ForwardPrepared(images, DinoOutputs.Attentions | DinoOutputs.ClassAttentions);
        float[] expected = [.. whole.Attentions!.Data.Chunk(tokens).Where((_, row) => row % tokens == 0).SelectMany(row => row)];
        Assert.Equal([2, 7, 2, tokens], whole.ClassAttentions!.Shape);
        Assert.Equal(expected, whole.ClassAttentions.Data);

        DinoOutput alone = encoder.ForwardPrepared(images, DinoOutputs.ClassAttentions | DinoOutputs.ClassToken);
        Assert.Null(alone.Attentions);
        Assert.Equal(expected, alone.ClassAttentions!.Data);
        Assert.Equal(encoder.ForwardPrepared(images, DinoOutputs.ClassToken).ClassToken!.Data, alone.ClassToken!.Data);
        Assert.Equal(
            expected, encoder.ForwardPrepared(images, DinoOutputs.ClassAttentions | DinoOutputs.LastHiddenState).ClassAttentions!.Data);
        for (int layer = 0; layer < 2; layer++)
        {
            float[] one = expected[(layer * expected.Length / 2)..((layer + 1) * expected.Length / 2)];
            Assert.Equal(one, encoder.ForwardPrepared(images, DinoOutputs.ClassAttentions, [layer]).ClassAttentions!.Data);
            foreach (AttentionMap[] maps in new[] { encoder.AttentionMaps(images, layer), encoder.AttentionMaps(images, layer - 2) })
            {
                Assert.Equal((2, 2, 5), (maps[6].HeadCount, maps[6].GridHeight, maps[6].GridWidth));
                float[] withoutItself = [.. one.Where((_, i) => i % tokens != 0)];
                Assert.Equal(withoutItself, maps.SelectMany(map => map.Values.ToArray()));
            }
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => encoder.AttentionMaps(images, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => encoder.AttentionMaps(images, -3));
    }

    /// <summary>Of 12 layers at 480x480 the matrices would take 234 MB an image, the rows 260 KB.</summary>
    [Fact]
    public void Memory_grows_with_the_tokens()
    {
        var shape = new VitShape(VitConfig.VitS16, 480, 480);
        ForwardOutput output = ForwardOutput.Allocate(shape, new ForwardRequest(1, false, false, 0xFFF, classAttentionOnly: true));
        Assert.Equal(12 * 6 * 901, output.Attentions.Length);
    }

    /// <summary>With the last block pruned to the class token, and with every layer's row kept.</summary>
    internal static string Check(VitExecutor executor, VitWeights weights, string name)
    {
        GoldenCase golden = GoldenCase.All.Single(one => one.Name == name);
        VitShape shape = golden.Shape;
        int size = shape.HeadCount * shape.TokenCount;
        var request = new ForwardRequest(1, allTokens: false, hiddenStates: false, 0xFFF, classAttentionOnly: true);
        Assert.True(request.PruneLastBlock(shape.LayerCount));
        ForwardOutput output = ForwardOutput.Allocate(shape, request);
        executor.Run(golden.Pixels(), golden.Tables(weights), shape, request, output);
        Assert.Equal(12 * size, output.Attentions.Length);
        double error = Tolerance.AssertClose(
            $"{name}: class-token attention of the last layer", GoldenData.Model($"{name}.attn_cls_last").Floats,
            output.Attentions.AsSpan(11 * size), Tolerance.Attention, shape.TokenCount);
        if (golden == GoldenCase.Chelsea)
            error = Math.Max(
                error,
                Tolerance.AssertClose(
                    $"{name}: class-token attention of every layer",
                    GoldenData.Model($"{name}.attn_cls_all_layers").Floats,
                    output.Attentions,
                    Tolerance.Attention,
                    shape.TokenCount));
        return $"{name}: max error of class-token attention {error:E2}";
    }
}
