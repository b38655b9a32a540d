using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Features;

/// <summary>
/// Attention rollout: the class token's row, against the product of the whole matrices. Small models are in
/// <see cref="LayerTwin"/>.
/// </summary>
[Collection(PortableCollection.Name)]
public sealed class RolloutTests(TestDevices devices, SeededWeights seeded) : IClassFixture<SeededWeights>
{
    [Theory]
    [InlineData("chelsea")]
    [InlineData("chelsea_240x320_size")]
    public void The_CPU_gives_the_product_of_the_matrices(string name)
    {
        using SimdModel model = SimdModel.Create(seeded.Weights);
        Check(model.Executor, seeded.Weights, name);
    }

    /// <summary>On CUDA: <see cref="Pipeline.FullSizeCudaTests"/>.</summary>
    [Fact]
    public void OpenCL_gives_the_product_of_the_matrices()
    {
        using VitExecutor executor = VitExecutor.Create(devices.Open(TestDevice.OpenCL), seeded.Weights);
        Check(executor, seeded.Weights, "chelsea_240x320_size");
    }

    /// <summary>Any number of threads, teams of them and batches give each picture the same bytes.</summary>
    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    [InlineData(3, 4)]
    [InlineData(5, 7)]
    public void Maps_are_the_same_in_any_company(int threads, int batch)
    {
        var options = new DinoOptions { Device = "cpu", InputWidth = 43, InputHeight = 21 };
        using DinoEncoder alone = DinoEncoder.Create(TinyModel.Weights, options with { Threads = 1, BatchSize = 1 });
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, options with { Threads = threads, BatchSize = batch });
        RgbImage[] images = [.. Enumerable.Range(0, 7).Select(i => encoder.Prepare(TinyModel.Picture(i)))];
        DinoOutput output = encoder.ForwardPrepared(images, DinoOutputs.AttentionRollout | DinoOutputs.ClassToken);
        Assert.Equal([7, 11], output.AttentionRollout!.Shape);
        Assert.Equal(encoder.ForwardPrepared(images, DinoOutputs.ClassToken).ClassToken!.Data, output.ClassToken!.Data);
        AttentionMap[] maps = encoder.AttentionRollouts(images);
        for (int image = 0; image < 7; image++)
        {
            Assert.Equal((1, 2, 5), (maps[image].HeadCount, maps[image].GridHeight, maps[image].GridWidth));
            float[] row = output.AttentionRollout.Data[(image * 11)..((image + 1) * 11)];
            Assert.Equal(row[1..], maps[image].Values);
            Assert.Equal(row[1..], alone.AttentionRollouts([images[image]])[0].Values);
            Assert.Equal(1, row.Sum(value => (double)value), 1e-5);
        }
    }

    /// <summary>
    /// At 480x480 the matrices of 12 layers would take 234 MB an image; queries and keys take 33 MB, and on the host a
    /// value a token.
    /// </summary>
    [Fact]
    public void Memory_grows_with_the_tokens()
    {
        var request = new ForwardRequest(1, false, false, 0) { Rollout = 1 };
        Assert.True(request.PruneLastBlock(12));
        foreach (int side in new[] { 240, 480, 960 })
        {
            var shape = new VitShape(VitConfig.VitS16, side, side);
            Assert.Equal(shape.TokenCount, ForwardOutput.Allocate(shape, request)[OutputPart.Rollout].Length);
            long more = Workspace(shape, request) - Workspace(shape, request with { Rollout = 0 });
            Assert.InRange(more, 2 * 12 * 384L * shape.TokenCount, (2 * 12 * 384L + 6 * 8) * (shape.TokenCount + 15));
        }

        static long Workspace(in VitShape shape, in ForwardRequest request) =>
            new WorkspaceLayout(shape, request, new WeightLayout(shape, width: 32), threads: 1, tileRows: 12).Length;
    }

    /// <summary>The matrices are the executor's own, which other tests compare with the reference.</summary>
    internal static void Check(VitExecutor executor, VitWeights weights, string name)
    {
        GoldenCase golden = GoldenCase.All.Single(one => one.Name == name);
        VitShape shape = golden.Shape;
        float[] attentions = Run(new ForwardRequest(1, false, false, 0xFFF)).Attentions;
        double[][] layers = [.. attentions.Chunk(attentions.Length / 12).Select(Reference.Widen)];
        float[] rollout = Run(new ForwardRequest(1, false, false, 0) { Rollout = 1 })[OutputPart.Rollout];
        double[] expected = Reference.Rollout(layers, shape.TokenCount);
        Tolerance.AssertClose($"{name}: rollout", expected, rollout, Tolerance.Attention);

        // No small difference would hide one that is wrong: the values are of the size of 1 / tokens.
        Assert.All(expected.Zip(rollout), pair => Assert.InRange(pair.Second, pair.First * 0.999, pair.First * 1.001));

        ForwardOutput Run(ForwardRequest request)
        {
            ForwardOutput output = ForwardOutput.Allocate(shape, request);
            executor.Run(golden.Pixels(), golden.Tables(weights), shape, request, output);
            return output;
        }
    }
}
