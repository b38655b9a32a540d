using Dino.Gpu.Checkpoints;
using Dino.Gpu.Classification;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// Cards on which a kernel fails while they are used: from then on they refuse every call, those that free memory too.
/// </summary>
[Collection(PortableCollection.Name)]
public sealed class LostDeviceTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task An_encoder_on_a_lost_card_fails_with_the_reason_and_can_be_disposed()
    {
        using IDisposable shown = ShowCards(1);
        DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, new DinoOptions { Device = "cuda" });
        encoder.Embed(Images(2));
        Lose(CudaDriver.Current!);
        DeviceException failure = Assert.Throws<DeviceException>(() => encoder.Embed(Images(2)));
        Assert.StartsWith("cuda:0 (emulated CUDA device 0) failed: ", failure.Message, StringComparison.Ordinal);
        encoder.Dispose();
        var late = Task.Run(() => encoder.Embed(Images(1)), TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => late.WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void The_end_of_a_using_hides_no_failure(Precision precision)
    {
        using IDisposable shown = ShowCards(1);
        Assert.StartsWith("cuda:0 (", Assert.Throws<DeviceException>(() =>
        {
            using DinoEncoder encoder = DinoEncoder.Create(
                SyntheticWeights.Create(TinyModel.Weights.Config with { HiddenSize = 64, MlpSize = 64 }),
                new DinoOptions { Device = "cuda", Precision = precision });
            encoder.Embed(Images(1));
            Lose(CudaDriver.Current!);
            encoder.Embed(Images(1));
        }).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(4500)] // sorted
    public void A_search_on_a_lost_card_fails_with_the_reason_and_can_be_disposed(int keep)
    {
        using IDisposable shown = ShowCards(1);
        float[] vectors = [.. Enumerable.Range(0, 20_000).Select(i => (float)Math.Sin(i * i % 7919))];
        Assert.StartsWith("cuda:0 (", Assert.Throws<DeviceException>(() =>
        {
            using DinoDevice device = DinoDevice.Open("cuda", algorithms: true);
            using NearestNeighbors search = NearestNeighbors.Create(device, false, vectors, 4, new NearestNeighborsOptions());
            search.Search(vectors.AsSpan(0, 4), keep);
            Lose(CudaDriver.Current!);
            search.Search(vectors.AsSpan(0, 4), keep);
        }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_probe_on_a_lost_card_fails_with_the_reason()
    {
        using IDisposable shown = ShowCards(1);
        float[] values = [.. Enumerable.Range(0, 40).Select(i => MathF.Sin(i))];
        var train = new LabeledVectors(values, 2, [.. Enumerable.Range(0, 20).Select(i => i % 2)], ["even", "odd"]);
        DeviceException failure = Assert.Throws<DeviceException>(() => LinearProbe.Train(
            train, options: new LinearProbeOptions { Device = "cuda", Epochs = 2 }, progress: _ => Lose(CudaDriver.Current!)));
        Assert.StartsWith("cuda:0 (", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lost_card_keeps_no_other_from_being_freed()
    {
        using IDisposable shown = ShowCards(2);
        (DinoEncoderGroup group, CudaContext[] contexts, _) = Group();
        group.WarmUp();
        Lose(contexts[0]);
        group.Dispose();
        Assert.Equal((0, 0), (contexts[1].Memory.Used, contexts[1].PinCount));
    }

    [Fact]
    public async Task A_group_continues_without_a_lost_card()
    {
        using IDisposable shown = ShowCards(2);
        (DinoEncoderGroup group, CudaContext[] contexts, List<string> warnings) = Group();
        using (group)
        {
            float[] expected = group.Embed(Images(1)[0]);
            Lose(contexts[0]);
            Parallel.For(0, 100, new ParallelOptions { MaxDegreeOfParallelism = 4 },
                _ => Assert.Equal(expected, group.Embed(Images(1)[0])));
            Assert.Equal(expected, await group.EmbedAsync(ImageSource.FromImage(Images(1)[0]), TestContext.Current.CancellationToken));
            string line = Assert.Single(warnings);
            Assert.StartsWith("cuda:0 (emulated CUDA device 0) failed: ", line, StringComparison.Ordinal);
            Assert.EndsWith("; continuing without it", line, StringComparison.Ordinal);
            Assert.Equal("cuda:1", Assert.Single(group.Devices).Id);
            Assert.Equal(2, group.BatchesInFlight);

            Lose(contexts[1]);
            DeviceException failure = Assert.Throws<DeviceException>(() => group.Embed(Images(1)[0]));
            Assert.StartsWith("cuda:1 (", failure.Message, StringComparison.Ordinal);
            Assert.Single(group.Devices);
            Assert.Single(warnings);
        }
    }

    [Fact]
    public void With_every_card_lost_a_call_ends_with_the_last_failure()
    {
        using IDisposable shown = ShowCards(2);
        (DinoEncoderGroup group, CudaContext[] contexts, List<string> warnings) = Group();
        group.WarmUp();
        Assert.All(contexts, Lose);
        Assert.Throws<DeviceException>(() => group.Embed(Images(1)[0]));
        Assert.Equal((2, 0), (group.Devices.Count, warnings.Count));
        group.Dispose();
        Assert.Throws<ObjectDisposedException>(() => group.Embed(Images(1)[0]));
    }

    private static (DinoEncoderGroup Group, CudaContext[] Contexts, List<string> Warnings) Group()
    {
        var encoders = new List<DinoEncoder>();
        var contexts = new List<CudaContext>();
        var warnings = new List<string>();
        foreach (string device in new[] { "cuda:0", "cuda:1" })
        {
            encoders.Add(DinoEncoder.Create(
                TinyModel.Weights, new DinoOptions { Device = device, BatchSize = 1, Warning = warnings.Add }));
            contexts.Add(CudaDriver.Current!);
        }

        return (new DinoEncoderGroup(encoders), [.. contexts], warnings);
    }

    private static IDisposable ShowCards(int count)
    {
        Assert.SkipUnless(CudaEmulator.IsUsed, "needs the emulated CUDA device: Linux, a C compiler, and no CUDA card");
        return CudaEmulator.Show(count);
    }

    private static RgbImage[] Images(int count) => [.. Enumerable.Range(0, count).Select(TinyModel.Picture)];

    /// <summary>A write to no memory, as of a kernel that fails.</summary>
    private static void Lose(CudaContext context)
    {
        context.Set(8, 0, 4, 0);
        context.Synchronize();
        Assert.NotNull(context.Fault);
    }
}
