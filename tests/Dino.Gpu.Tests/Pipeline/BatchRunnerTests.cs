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
        Assert.Equal(3, BatchChoice.Indexable(shape));
        var batches = new List<int>();
        DeviceInfo device = CpuDescription.Describe() with { Family = family };
        using var runner = new BatchRunner(
            new IdleExecutor(batches), device, preprocessor: null!, shape, new InputTables([], []), batchSize: 100, warning: null);
        RgbImage[] images = [.. Enumerable.Range(0, 7).Select(_ => new RgbImage(1, 1, new byte[3]))];
        var request = new ForwardRequest(images.Length, allTokens: false, hiddenStates: false, 0);
        Assert.Equal(7 * shape.HiddenSize, runner.Run(images, request).Tokens.Length);
        Assert.Equal(expected, batches);
    }

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
