using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests;

/// <summary>The batch that a device gets, and what happens when it does not fit.</summary>
[Collection(PortableCollection.Name)]
public sealed class BatchSizeTests(TestDevices devices)
{
    private static readonly DinoOptions Cpu = new() { Device = "cpu", Threads = 1 };

    [Fact]
    public void A_batch_that_does_not_fit_is_halved_until_it_does()
    {
        RgbImage[] images = [.. Enumerable.Range(0, 29).Select(TinyModel.Picture)];
        using DinoEncoder roomy = DinoEncoder.Create(TinyModel.Weights, Cpu);
        float[][] expected = roomy.Embed(images);

        var batches = new List<int>();
        var warnings = new List<string>();
        HookedExecutor? executor = null;
        using DinoEncoder encoder = DinoEncoder.Create(
            TinyModel.Weights,
            Cpu with { BatchSize = 16, Warning = warnings.Add },
            (device, weights) => executor = new HookedExecutor(VitExecutor.Create(device, weights), batch =>
            {
                batches.Add(batch);
                if (batch > 5)
                    throw new DeviceMemoryException("full");
            }));

        Assert.Equal(expected, encoder.Embed(images));
        Assert.Equal([16, 8, 4, 4, 4, 4, 4, 4, 4, 1], batches);
        Assert.Equal(4, encoder.BatchSize);
        Assert.Equal(2, executor!.Releases);
        Assert.Equal(2, warnings.Count);
        Assert.EndsWith("no room for 16 images at once; continuing with 8", warnings[0], StringComparison.Ordinal);
        Assert.All(warnings, line => Assert.DoesNotContain('\n', line));
        batches.Clear();
        Assert.Equal(expected[..8], encoder.Embed(images[..8]));
        Assert.Equal([4, 4], batches); // what was learned stays
    }

    [Fact]
    public void One_image_that_does_not_fit_is_an_error_of_one_line()
    {
        using DinoEncoder encoder = DinoEncoder.Create(
            TinyModel.Weights, Cpu, (device, weights) =>
                new HookedExecutor(VitExecutor.Create(device, weights), _ => throw new InsufficientMemoryException("none\nat all")));
        DeviceMemoryException failure = Assert.Throws<DeviceMemoryException>(
            () => encoder.Embed([TinyModel.Picture(1), TinyModel.Picture(2)]));
        Assert.Contains("one image of 32x32", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    [Fact]
    public void Other_failures_are_not_tried_again()
    {
        int calls = 0;
        using DinoEncoder encoder = DinoEncoder.Create(
            TinyModel.Weights,
            Cpu,
            (device, weights) => new HookedExecutor(VitExecutor.Create(device, weights), _ =>
            {
                calls++;
                throw new DinoException("broken");
            }));
        Assert.Throws<DinoException>(() => encoder.Embed([TinyModel.Picture(1), TinyModel.Picture(2)]));
        Assert.Equal(1, calls);
    }

    /// <summary>A real allocation that fails leaves the buffers usable.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void A_failed_allocation_has_its_own_exception_and_can_be_recovered_from(TestDevice kind)
    {
        DinoDevice device = devices.Open(kind);
        var shape = new VitShape(VitConfig.VitS16, 224, 224);
        var tables = new InputTables(new float[shape.TokenCount * shape.HiddenSize], []);
        var request = new ForwardRequest(4_000_000, allTokens: false, hiddenStates: false, 0);
        using var activations = new PortableActivations(device.Accelerator);
        using var pixels = new GrowingBuffer<byte>(device.Accelerator);
        using var results = new PinnedTransfers(device.Accelerator.DefaultStream);
        Assert.Throws<DeviceMemoryException>(() => activations.Reserve(new PassInput(default, false, tables, results), shape, request));
        activations.Release();
        activations.Reserve(new PassInput(pixels.Reserve(3 * 224 * 224), false, tables, results), shape, request.ForBatch(1));
        Assert.Equal(3 * 224 * 224, activations.Pixels.Length);
    }

    [Theory]
    [InlineData(0, 100, 1)]
    [InlineData(99, 100, 1)]
    [InlineData(100, 100, 1)]
    [InlineData(799, 100, 4)]
    [InlineData(800, 100, 8)]
    [InlineData(1L << 40, 100, 256)]
    public void The_choice_is_a_power_of_two_that_fits(long budget, long bytesPerImage, int expected) =>
        Assert.Equal(expected, BatchChoice.Fitting(budget, bytesPerImage));

    [Theory]
    [InlineData(224, KernelFamily.Portable, 7096)] // 2^31 / (197 tokens * 1536)
    [InlineData(2048, KernelFamily.Portable, 85)] // 2^31 / (16385 tokens * 1536)
    [InlineData(13000, KernelFamily.Portable, 2)]
    [InlineData(20000, KernelFamily.Portable, 0)]
    [InlineData(224, KernelFamily.TensorCore, 7096)]
    [InlineData(9440, KernelFamily.TensorCore, 4)] // 348101 tokens; 349525 are the most whose rows are within 2 GiB
    [InlineData(9920, KernelFamily.TensorCore, 0)]
    [InlineData(20000, KernelFamily.Generated, int.MaxValue)]
    public void Activations_of_large_pictures_stay_countable_in_32_bits(int side, KernelFamily family, int expected) =>
        Assert.Equal(expected, BatchChoice.Indexable(new VitShape(VitConfig.VitS16, side, side), family));

    [Fact]
    public void Pictures_that_are_not_rounded_to_bytes_take_four_times_their_room()
    {
        var shape = new VitShape(VitConfig.VitS16, 64, 48);
        Assert.Equal(
            3L * 3 * 64 * 48 * GpuExecutor<PortableOps>.Slots,
            BatchChoice.BytesPerImage(shape, keepsFractions: true) - BatchChoice.BytesPerImage(shape));
    }

    [Fact]
    public void Without_a_wish_the_CPU_takes_32_and_a_wish_is_kept()
    {
        using DinoEncoder automatic = DinoEncoder.Create(TinyModel.Weights, Cpu);
        Assert.Equal(32, automatic.BatchSize);
        using DinoEncoder asked = DinoEncoder.Create(TinyModel.Weights, Cpu with { BatchSize = 5 });
        Assert.Equal(5, asked.BatchSize);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void Without_a_wish_a_GPU_takes_what_fits_its_memory(TestDevice kind)
    {
        DinoDevice device = devices.Open(kind);
        var shape = new VitShape(VitConfig.VitS16, 224, 224);
        int batch = BatchChoice.For(device, shape);
        Assert.InRange(batch, 1, 256);
        Assert.True(batch == 1 || batch * BatchChoice.BytesPerImage(shape) <= device.Accelerator.MemorySize / 2);
    }
}
