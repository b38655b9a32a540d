using Dino.Gpu.Devices;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>Cards whose memory is full, of which a part could be given back.</summary>
[Collection(PortableCollection.Name)]
public sealed class FullCardTests
{
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
}
