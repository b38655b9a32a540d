using Dino.Gpu.Checkpoints;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>The count of operations, and the steps told apart.</summary>
public sealed class TimingTests
{
    [Fact]
    public void Operations_of_the_small_model_are_the_references()
    {
        // Golden/README.md: 4 598 498 304 multiply-accumulates in one image's matrix products.
        var shape = new VitShape(VitConfig.VitS16, 224, 224);
        Assert.Equal(2 * 4_598_498_304, VitCost.Total(shape, new ForwardRequest(1, true, false, 0)));
        long pruned = VitCost.Total(shape, new ForwardRequest(1, false, false, 0));
        Assert.InRange((double)pruned / (2 * 4_598_498_304), 0.92, 0.94);
        Assert.Equal(5 * pruned, VitCost.Total(shape, new ForwardRequest(5, false, false, 0)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_timed_pass_names_its_steps_and_changes_nothing(int threads)
    {
        VitConfig config = VitConfig.VitS16 with { LayerCount = 2 };
        VitWeights weights = SyntheticWeights.Create(config);
        using DinoEncoder encoder = DinoEncoder.Create(weights, new DinoOptions { Device = "cpu", Threads = threads });
        RgbImage[] images = [.. Enumerable.Range(0, 4).Select(i => encoder.Prepare(new RgbImage(1, 1, [(byte)i, 2, 3])))];
        float[] before = encoder.ForwardPrepared(images, DinoOutputs.ClassToken).ClassToken!.Data;
        IReadOnlyList<OpTime> steps = encoder.ProfilePrepared(images, DinoOutputs.ClassToken);
        Assert.Equal(before, encoder.ForwardPrepared(images, DinoOutputs.ClassToken).ClassToken!.Data);
        foreach (VitOp op in new[] { VitOp.PatchEmbedding, VitOp.LayerNorm, VitOp.Qkv, VitOp.Attention,
            VitOp.Projection, VitOp.Fc1, VitOp.Fc2 })
            Assert.Contains(steps, step => step.Name == op.ToString() && step.Seconds > 0);
        Assert.Equal(4 * encoder.CountOperations(DinoOutputs.ClassToken), steps.Sum(step => step.FloatingPointOperations));
        Assert.True(encoder.MeasurePeak() > 1e8);
    }
}
