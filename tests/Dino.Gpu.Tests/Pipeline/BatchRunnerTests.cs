using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>How pictures are divided into batches, by an executor that computes nothing.</summary>
public sealed class BatchRunnerTests
{
    /// <summary>
    /// The portable and tensor-core kernels index activations with 32 bits, so no batch may have more, whatever the
    /// user asked for. The CPU's kernels count in 64 bits.
    /// </summary>
    [Theory]
    [InlineData(KernelFamily.Portable, new[] { 3, 3, 1 })]
    [InlineData(KernelFamily.Simd, new[] { 7 })]
    public void Batches_stay_within_what_the_kernels_can_index(KernelFamily family, int[] expected)
    {
        // 384 401 tokens of 1536 values: three images have less than 2^31 values, four have more.
        var shape = new VitShape(VitConfig.VitS16, 9920, 9920);
        Assert.Equal(3, BatchChoice.Indexable(shape, KernelFamily.Portable));
        var batches = new List<int>();
        using BatchRunner runner = Runner(family, shape, batches);
        RgbImage[] images = Images(7);
        ForwardRequest request = Request(images.Length);
        Assert.Equal(7 * shape.HiddenSize, runner.Run(images, request).Tokens.Length);
        Assert.Equal(expected, batches);
    }

    [Fact]
    public void A_batch_that_is_to_be_timed_stays_within_it_too()
    {
        var batches = new List<int>();
        var shape = new VitShape(VitConfig.VitS16, 9920, 9920);
        using BatchRunner runner = Runner(KernelFamily.Portable, shape, batches);
        Assert.Empty(runner.RunTimed(Images(3), Request(3)));
        DinoException failure = Assert.Throws<DinoException>(() => runner.RunTimed(Images(4), Request(4)));
        Assert.EndsWith(" takes at most 3 images of 9920x9920 at once (found 4)", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>Before the driver or an overflow does, and as a plain failure: no device is to blame.</summary>
    [Theory]
    [InlineData(KernelFamily.Portable, 20000, 1398101, 1562501)]
    [InlineData(KernelFamily.TensorCore, 9920, 349525, 384401)]
    public void An_input_with_more_tokens_than_kernels_can_index_is_told(KernelFamily family, int side, int most, int found)
    {
        var shape = new VitShape(VitConfig.VitS16, side, side);
        var batches = new List<int>();
        Check(Assert.Throws<DinoException>(() => Runner(family, shape, batches)));
        using BatchRunner runner = Runner(family, new VitShape(VitConfig.VitS16, 224, 224), batches);
        Check(Assert.Throws<DinoException>(() => runner.Run(Images(1), Request(1), shape, new InputTables([], []))));
        Assert.Empty(batches);

        void Check(DinoException failure) => Assert.EndsWith(
            $" takes at most {most} tokens of this model (found {found}, from {side}x{side} pixels)", failure.Message,
            StringComparison.Ordinal);
    }

    private static BatchRunner Runner(KernelFamily family, in VitShape shape, List<int> batches) => new(
        new IdleExecutor(batches), CpuDescription.Describe() with { Family = family }, preprocessor: null!, shape,
        new InputTables([], []), batchSize: 100, warning: null);

    private static RgbImage[] Images(int count) => [.. Enumerable.Range(0, count).Select(_ => new RgbImage(1, 1, new byte[3]))];

    private static ForwardRequest Request(int images) => new(images, allTokens: false, hiddenStates: false, 0);

    private sealed class IdleExecutor(List<int> batches) : VitExecutor
    {
        public override BatchSlot CreateSlot(Preprocessor preprocessor) => new Slot(batches);

        public override double MeasurePeak() => 1;

        public override void Dispose()
        {
        }

        private sealed class Slot(List<int> batches) : BatchSlot
        {
            public override void Stage(IReadOnlyList<RgbImage> images, int first, int count)
            {
            }

            public override void Launch(InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output) =>
                batches.Add(request.Batch);

            public override IReadOnlyList<OpTime> RunTimed(
                InputTables tables, in VitShape shape, in ForwardRequest request, ForwardOutput output) => [];

            public override void Finish()
            {
            }

            public override void Abandon()
            {
            }

            public override void Release()
            {
            }

            public override void Dispose()
            {
            }
        }
    }
}
