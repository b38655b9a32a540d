using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Model;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>The CPU without ILGPU, as programs have it that are compiled ahead of time: the same bytes.</summary>
public sealed class DirectDeviceTests
{
    private const DinoOutputs Everything =
        DinoOutputs.LastHiddenState | DinoOutputs.HiddenStates | DinoOutputs.Attentions | DinoOutputs.ClassToken;

    [Theory]
    [InlineData(4, 1, 1)]
    [InlineData(4, 2, 5)]
    [InlineData(8, 3, 4)]
    [InlineData(16, 2, 3)]
    [InlineData(16, 5, 7)]
    public void Every_output_has_the_bytes_of_the_accelerator(int lanes, int threads, int images)
    {
        SimdModel.Require((SimdWidth)lanes);
        AssertEqual(threads, images, (device, weights) => SimdExecutor.Create(device, weights, (SimdWidth)lanes));
    }

    [Theory]
    [InlineData(nameof(TileKind.BFloat16))]
    [InlineData(nameof(TileKind.Int8))]
    public void Reduced_precisions_have_the_bytes_of_the_accelerator(string name)
    {
        TileKind kind = Enum.Parse<TileKind>(name);
        SimdModel.Require(kind);
        AssertEqual(
            threads: 2, images: 3,
            (device, weights) => SimdExecutor.Create(device, weights, kind, CpuFeatures.BFloat16, CpuFeatures.Amx));
    }

    /// <summary>Batches of any size and order: memory that grew for a larger one serves a smaller one.</summary>
    [Fact]
    public void Steps_are_timed_and_the_peak_is_measured()
    {
        using DinoDevice device = DinoDevice.OpenDirect(threads: 2, isAutomaticChoice: false);
        using DinoEncoder encoder = DinoEncoder.Create(
            TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = 2 }, (_, weights) => SimdExecutor.Create(device, weights));
        RgbImage[] pictures = [.. Enumerable.Range(0, 9).Select(TinyModel.Picture)];
        float[][] together = encoder.Embed(pictures);
        Assert.Equal(together[0], encoder.Embed(pictures[0]));
        Assert.Equal(together, encoder.Embed(pictures));
        Assert.Contains(encoder.ProfilePrepared(pictures, DinoOutputs.ClassToken), step => step.Seconds > 0);
        Assert.InRange(encoder.MeasurePeak(), 1e8, 1e13);
    }

    [Fact]
    public void What_it_cannot_do_is_said_in_one_line()
    {
        using DinoDevice device = DinoDevice.OpenDirect(threads: 1, isAutomaticChoice: false);
        DeviceException failure = Assert.Throws<DeviceException>(() => device.Accelerator);
        Assert.Contains("needs code that is made at run time", failure.Message);
        Assert.Contains("VectorIndex", failure.Hint);
        Assert.Throws<DeviceException>(() => DinoDevice.OpenDirect(threads: 0, isAutomaticChoice: false));
    }

    private static void AssertEqual(int threads, int images, Func<DinoDevice, VitWeights, VitExecutor> create)
    {
        var options = new DinoOptions { Device = "cpu", Threads = threads, InputWidth = 40, InputHeight = 24 };
        RgbImage[] pictures = [.. Enumerable.Range(0, images).Select(number => NoisePicture.Of(40, 24, number))];
        using DinoDevice direct = DinoDevice.OpenDirect(threads, isAutomaticChoice: false);
        using DinoEncoder expected = DinoEncoder.Create(TinyModel.Weights, options, create);
        using DinoEncoder found = DinoEncoder.Create(TinyModel.Weights, options, (_, weights) => create(direct, weights));
        DinoOutput left = expected.ForwardPrepared(pictures, Everything);
        DinoOutput right = found.ForwardPrepared(pictures, Everything);
        Assert.Equal(left.LastHiddenState!.Data, right.LastHiddenState!.Data);
        Assert.Equal(left.HiddenStates!.Data, right.HiddenStates!.Data);
        Assert.Equal(left.Attentions!.Data, right.Attentions!.Data);
        Assert.Equal(left.ClassToken!.Data, right.ClassToken!.Data);
    }
}
