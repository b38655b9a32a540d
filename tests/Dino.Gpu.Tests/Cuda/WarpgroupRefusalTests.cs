using Dino.Gpu.Checkpoints;
using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.TensorCore;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>Cards of 9.0 that refuse the products with wgmma or compute them wrongly: one line, and those of 8.0.</summary>
[Collection(PortableCollection.Name)]
public sealed class WarpgroupRefusalTests
{
    private static readonly VitConfig Tiny = new()
    {
        HiddenSize = 96,
        LayerCount = 2,
        HeadCount = 6,
        MlpSize = 160,
        PatchSize = 8,
        TrainedGrid = 4,
        LayerNormEpsilon = 1e-6,
    };

    [Theory]
    [InlineData(Precision.BFloat16)]
    [InlineData(Precision.Float16)]
    public void Card_without_wgmma_takes_the_products_of_8_0(Precision precision)
    {
        RequireEmulator();
        (float[] expected, string[] none) = Embed(new EmulatedCard { Capability = (8, 0) }, precision);
        Assert.Empty(none);

        // Sums are exact in each step of 16 values on the emulated card, and the steps are the same: so are the bytes.
        (float[] own, none) = Embed(new EmulatedCard(), precision);
        Assert.Empty(none);
        Assert.Equal(expected, own);

        (float[] refused, string[] told) = Embed(new EmulatedCard { RefusedTarget = "sm_90a" }, precision);
        Assert.Equal(
            "cuda:0 (emulated CUDA device 0) cannot use its own products: the driver refuses a kernel: ptxas application ptx input, "
            + "line 2; fatal : Value 'sm_90a' is not defined for .target; it computes with those of 8.0, which are slower",
            Assert.Single(told));
        Assert.Equal(expected, refused);

        (float[] wrong, told) = Embed(new EmulatedCard { WrongTarget = "sm_90a" }, precision);
        Assert.Contains("own products: a small product gives a wrong number (expected ", Assert.Single(told), StringComparison.Ordinal);
        Assert.Equal(expected, wrong);
    }

    /// <summary>A device on which a kernel failed answers every later call with that error: there is nothing to go on with.</summary>
    [Fact]
    public void Card_that_fails_with_wgmma_says_how_to_do_without()
    {
        RequireEmulator();
        DeviceException failure = Assert.Throws<DeviceException>(
            () => Embed(new EmulatedCard { FaultyTarget = "sm_90a" }, Precision.BFloat16));
        Assert.Equal(
            "cuda:0 (emulated CUDA device 0) fails with wgmma: OutOfBounds: a seeded fault (CUDA_ERROR_ILLEGAL_ADDRESS)", failure.Message);
        Assert.Equal("set DINO_WITHOUT_WGMMA=1 to compute without it", failure.Hint);
    }

    [Fact]
    public void Products_with_wgmma_can_be_switched_off()
    {
        RequireEmulator();
        using IDisposable shown = CudaEmulator.Show();
        using DinoDevice device = DinoDevice.Open("cuda:0");
        Assert.Null(Open("1"));
        foreach (string? on in new[] { null, "", "0" })
        {
            using WarpgroupProducts? products = Open(on);
            Assert.NotNull(products);
        }

        Assert.Equal(
            "the variable DINO_WITHOUT_WGMMA is 'yes' (expected 0 or 1)", Assert.Throws<DeviceException>(() => Open("yes")).Message);

        WarpgroupProducts? Open(string? value) =>
            WarpgroupProducts.TryOpen(device, Precision.BFloat16, _ => Assert.Fail("refused"), value);
    }

    /// <summary>Blackwell is newer, and has no wgmma.</summary>
    [Theory]
    [InlineData(8, 9)]
    [InlineData(10, 0)]
    [InlineData(12, 0)]
    public void Other_cards_are_not_asked(int major, int minor)
    {
        RequireEmulator();
        (_, string[] told) = Embed(new EmulatedCard { Capability = (major, minor) }, Precision.BFloat16);
        Assert.Empty(told);
    }

    private static (float[] Vector, string[] Told) Embed(EmulatedCard card, Precision precision)
    {
        using IDisposable shown = CudaEmulator.Show(new EmulatedMachine { Cards = [card] });
        var told = new List<string>();
        using DinoEncoder encoder = DinoEncoder.Create(
            SyntheticWeights.Create(Tiny), new DinoOptions { Device = "cuda:0", Precision = precision, Warning = told.Add });
        RgbImage picture = TinyModel.Picture(1);
        return (encoder.ForwardPrepared([picture], DinoOutputs.ClassToken).ClassToken!.Data, [.. told]);
    }

    private static void RequireEmulator() =>
        Assert.SkipUnless(CudaEmulator.IsUsed, "needs the emulated CUDA device: Linux, a C compiler, and no CUDA card");
}
