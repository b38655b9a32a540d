using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>Cards whose memory is full, of which a part could be given back.</summary>
[Collection(PortableCollection.Name)]
public sealed class FullCardTests
{
    private readonly List<string> _warnings = [];

    [Fact]
    public void The_last_picture_of_a_call_halves_the_batches_before_it()
    {
        using IDisposable shown = ShowCard();
        long used;
        using (DinoEncoder encoder = Encoder())
        {
            encoder.Embed(Images(8));
            used = CudaDriver.Current!.Memory.Used;
        }

        using DinoEncoder full = Encoder();
        CudaDriver.Current!.MemoryLimit = used;
        Assert.Equal(9, full.Embed(Images(9)).Length);
        Assert.EndsWith("no room for 8 images at once; continuing with 4", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void One_picture_gets_the_room_that_larger_batches_left_behind()
    {
        using IDisposable shown = ShowCard();
        using DinoEncoder encoder = Encoder();
        float[] expected = encoder.ForwardPrepared(Images(1), DinoOutputs.Attentions).Attentions!.Data;
        encoder.Embed(Images(8));
        encoder.Embed(Images(8));
        CudaContext context = CudaDriver.Current!;
        context.MemoryLimit = context.Memory.Used;
        Assert.Equal(expected, encoder.ForwardPrepared(Images(1), DinoOutputs.Attentions | DinoOutputs.HiddenStates).Attentions!.Data);
        Assert.Equal((8, 0), (encoder.BatchSize, _warnings.Count));
    }

    [Fact]
    public void One_picture_that_does_not_fit_alone_makes_no_batch_smaller()
    {
        using IDisposable shown = ShowCard();
        using DinoEncoder encoder = Encoder();
        CudaContext context = CudaDriver.Current!;
        long weights = context.Memory.Used;
        encoder.Embed(Images(8));
        context.MemoryLimit = weights + 1000;
        DeviceMemoryException failure = Assert.Throws<DeviceMemoryException>(() => encoder.Embed(Images(1)));
        Assert.DoesNotContain('\n', failure.Message);
        Assert.Equal((8, 0), (encoder.BatchSize, _warnings.Count));
        context.MemoryLimit = CudaDriver.MemorySize;
        Assert.Equal(8, encoder.Embed(Images(8)).Length);
    }

    /// <summary>The top-k kernel has its memory from a search before.</summary>
    [Fact]
    public void A_search_without_room_for_the_sort_returns_to_the_kernel()
    {
        const int Count = 5000, Dimension = 4, Short = 3500, Long = 3700; // lists below and above what the kernel makes
        using IDisposable shown = ShowCard();
        using DinoDevice device = DinoDevice.Open("cuda", algorithms: true);
        CudaContext context = CudaDriver.Current!;
        float[] vectors = [.. Enumerable.Range(0, Count * Dimension).Select(i => (float)Math.Sin(i * i % 7919))];
        using NearestNeighbors search = NearestNeighbors.Create(
            device, ownsDevice: false, vectors, Dimension, new NearestNeighborsOptions());
        context.MemoryLimit = context.Memory.Used + 100;
        Assert.Throws<DeviceMemoryException>(() => Search(Long)); // no room for the kernel either
        context.MemoryLimit = CudaDriver.MemorySize;
        int[] shorter = Search(Short);
        context.MemoryLimit = context.Memory.Used + 10_000;
        int[] byKernel = Search(Long);
        Assert.DoesNotContain(context.Launches.Keys, IsSort);
        context.MemoryLimit = CudaDriver.MemorySize;
        int[] bySort = Search(Long);
        Assert.Contains(context.Launches.Keys, IsSort);
        Assert.Equal(bySort, byKernel);
        Assert.Equal(bySort[..Short], shorter);

        int[] Search(int k) => [.. search.Search(vectors.AsSpan(0, Dimension), k).Indices(0)];
        static bool IsSort(string kernel) => kernel.Contains("Radix", StringComparison.Ordinal);
    }

    private static IDisposable ShowCard()
    {
        Assert.SkipUnless(CudaEmulator.IsUsed, "needs the emulated CUDA device: Linux, a C compiler, and no CUDA card");
        return CudaEmulator.Show();
    }

    private static RgbImage[] Images(int count) => [.. Enumerable.Range(0, count).Select(TinyModel.Picture)];

    private DinoEncoder Encoder() =>
        DinoEncoder.Create(TinyModel.Weights, new DinoOptions { Device = "cuda", BatchSize = 8, Warning = _warnings.Add });
}
