using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Features;

/// <summary>
/// Outputs of chosen layers: the reference's hidden states through the final norm in double precision, and shapes and
/// layers of the public door.
/// </summary>
[Collection(PortableCollection.Name)]
public sealed class LayerOutputTests(TestDevices devices, SeededWeights seeded) : IClassFixture<SeededWeights>
{
    public static TheoryData<string> Cases => [.. GoldenCase.All.Select(golden => golden.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_CPU_matches_the_reference(string name)
    {
        using SimdModel model = SimdModel.Create(seeded.Weights);
        Check(model.Executor, seeded.Weights, GoldenCase.All.Single(golden => golden.Name == name));
    }

    /// <summary>On CUDA: <see cref="Pipeline.FullSizeCudaTests"/>.</summary>
    [Fact]
    public void OpenCL_matches_the_reference()
    {
        using VitExecutor executor = VitExecutor.Create(devices.Open(TestDevice.OpenCL), seeded.Weights);
        Check(executor, seeded.Weights, GoldenCase.Chelsea);
    }

    /// <summary>Any threads, teams of them and batches, with the last block pruned or not.</summary>
    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    [InlineData(3, 4)]
    public void Layers_are_those_asked_for(int threads, int batch)
    {
        const DinoOutputs All =
            DinoOutputs.HiddenStates | DinoOutputs.IntermediateLayers | DinoOutputs.LayerClassTokens
                | DinoOutputs.Queries | DinoOutputs.Keys | DinoOutputs.Values;
        using DinoEncoder encoder = DinoEncoder.Create(
            TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = threads, BatchSize = batch, InputWidth = 43, InputHeight = 21 });
        RgbImage[] images = [.. Enumerable.Range(0, 7).Select(i => encoder.Prepare(TinyModel.Picture(i)))];
        DinoOutput whole = encoder.ForwardPrepared(images, All | DinoOutputs.LastHiddenState);
        Assert.Equal([3, 7, 11, 16], whole.HiddenStates!.Shape);
        foreach (DinoTensor? tensor in new[] { whole.IntermediateLayers, whole.Queries, whole.Keys, whole.Values })
            Assert.Equal([2, 7, 11, 16], tensor!.Shape);
        Assert.Equal([2, 7, 16], whole.LayerClassTokens!.Shape);
        Assert.Equal(whole.LastHiddenState!.Data, Half(whole.IntermediateLayers!, 1));
        Assert.Equal(
            whole.IntermediateLayers!.Data.Chunk(16).Where((_, row) => row % 11 == 0).SelectMany(row => row), whole.LayerClassTokens.Data);

        for (int layer = 0; layer < 2; layer++)
        {
            int[] fromTheEnd = [layer - 2, layer];
            DinoOutput some = encoder.ForwardLayers(images, All, new DinoLayers
            {
                HiddenStates = [layer - 3],
                IntermediateLayers = fromTheEnd,
                ClassTokens = [layer],
                Queries = fromTheEnd,
                Keys = fromTheEnd,
                Values = fromTheEnd,
            });
            Assert.Equal([1, 7, 11, 16], some.HiddenStates!.Shape);
            Assert.Equal(whole.HiddenStates.Data[(layer * 7 * 11 * 16)..((layer + 1) * 7 * 11 * 16)], some.HiddenStates.Data);
            Assert.Equal(Half(whole.IntermediateLayers, layer), some.IntermediateLayers!.Data);
            Assert.Equal(Half(whole.LayerClassTokens, layer), some.LayerClassTokens!.Data);
            Assert.Equal(Half(whole.Queries!, layer), some.Queries!.Data);
            Assert.Equal(Half(whole.Keys!, layer), some.Keys!.Data);
            Assert.Equal(Half(whole.Values!, layer), some.Values!.Data);
            Assert.Null(some.LastHiddenState);

            // The same beside nothing that needs the whole last block.
            DinoOutput pruned = encoder.ForwardLayers(
                images, DinoOutputs.Keys | DinoOutputs.LayerClassTokens, new DinoLayers { Keys = [layer] });
            Assert.Equal(some.Keys.Data, pruned.Keys!.Data);
            Assert.Equal(whole.LayerClassTokens.Data, pruned.LayerClassTokens!.Data);
        }

        foreach (int layer in new[] { 2, -3 })
        {
            Assert.Throws<ArgumentOutOfRangeException>(
                () => encoder.ForwardLayers(images, DinoOutputs.Keys, new DinoLayers { Keys = [layer] }));
            Assert.Throws<ArgumentOutOfRangeException>(
                () => encoder.ForwardLayers(images, DinoOutputs.LayerClassTokens, new DinoLayers { ClassTokens = [layer] }));
        }

        static float[] Half(DinoTensor tensor, int half) =>
            tensor.Data[(half * tensor.Data.Length / 2)..((half + 1) * tensor.Data.Length / 2)];
    }

    /// <summary>At 480x480 all hidden states take 18 MB an image, the class tokens of four layers 6 KB.</summary>
    [Fact]
    public void Memory_is_that_of_the_rows_asked_for()
    {
        var shape = new VitShape(VitConfig.VitS16, 480, 480);
        ForwardOutput output = ForwardOutput.Allocate(
            shape, new ForwardRequest(2, false, false, 0) { ClassTokenLayers = 0xF00, KeyLayers = 0x800, HiddenStates = 0b1001 });
        var layout = new OutputLayout(
            shape, new ForwardRequest(2, false, false, 0) { ClassTokenLayers = 0xF00, KeyLayers = 0x800, HiddenStates = 0b1001 });
        long total = 0;
        for (OutputPart part = 0; part < OutputLayout.Parts; part++)
        {
            int expected = part switch
            {
                OutputPart.Tokens => 2 * 384,
                OutputPart.ClassTokens => 4 * 2 * 384,
                OutputPart.Keys => 2 * 901 * 384,
                OutputPart.HiddenStates => 2 * 2 * 901 * 384,
                _ => 0,
            };
            Assert.Equal(expected, output[part].Length);
            Assert.Equal(total, layout.Start(part));
            total += expected;
        }

        Assert.Equal(total, layout.TotalLength);
    }

    /// <summary>
    /// The last n blocks' class tokens of eval_linear.py with the last block pruned, and whole layers.
    /// </summary>
    internal static void Check(VitExecutor executor, VitWeights weights, GoldenCase golden)
    {
        VitShape shape = golden.Shape;
        NormWeights norm = weights.Norm;
        float[] states = GoldenData.Model($"{golden.Name}.cls_per_layer").Floats;
        double[] normed = Reference.LayerNorm(states, norm.Weight, norm.Bias, weights.Config.LayerNormEpsilon, 13, 384);
        var request = new ForwardRequest(1, false, false, 0) { ClassTokenLayers = 0xFFF };
        Assert.True(request.PruneLastBlock(12));
        Tolerance.AssertClose(
            $"{golden.Name}: class tokens", normed.AsSpan(384), Run(request)[OutputPart.ClassTokens], Tolerance.LastHiddenState, 384);
        if (golden != GoldenCase.Chelsea)
            return;

        int[] rows = GoldenData.Model("rows").Integers;
        float[] layerRows = GoldenData.Model("chelsea.layer_rows").Floats;
        float[] layers = Run(request with { IntermediateLayers = 0b1000_0010_0001 })[OutputPart.IntermediateLayers];
        foreach ((int slot, int layer) in new[] { (0, 0), (1, 5), (2, 11) })
        {
            float[] state = layerRows[((layer + 1) * rows.Length * 384)..((layer + 2) * rows.Length * 384)];
            float[] actual = [.. rows.SelectMany(row => layers[((slot * 197 + row) * 384)..((slot * 197 + row + 1) * 384)])];
            Tolerance.AssertClose(
                $"layer {layer} after the final norm", Reference.LayerNorm(
                    state, norm.Weight, norm.Bias, weights.Config.LayerNormEpsilon, rows.Length, 384), actual,
                Tolerance.LastHiddenState, 384);
        }

        ForwardOutput Run(in ForwardRequest wanted)
        {
            ForwardOutput output = ForwardOutput.Allocate(shape, wanted);
            executor.Run(golden.Pixels(), golden.Tables(weights), shape, wanted, output);
            return output;
        }
    }
}
